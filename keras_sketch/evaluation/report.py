"""The report of a run: `report.md`, and `classes.csv` with the scores of every class."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from keras_sketch.curation.imagenet import display_names
from keras_sketch.errors import BadDataError
from keras_sketch.evaluation.class_section import class_table, group_table, pair_table, write_classes
from keras_sketch.evaluation.data_section import DataSummary, data_section
from keras_sketch.evaluation.error_section import ink_section, wrong_answer_section
from keras_sketch.evaluation.geography_section import geography_section
from keras_sketch.evaluation.leak_section import sibling_section, untrained_section
from keras_sketch.evaluation.markdown import code, escape, percent, percent_range, table
from keras_sketch.evaluation.score_section import faithfulness_note, score_section, vote_section
from keras_sketch.evaluation.scores import class_scores
from keras_sketch.evaluation.stage_section import stage_section
from keras_sketch.evaluation.training_section import training_section
from keras_sketch.files import atomic_write
from keras_sketch.recipes.recipe import Published

_PICTURES = {
    "curves.png": ("Learning curves", "A ring marks the epoch with the lowest validation loss."),
    "confusion.png": ("Confusion", "Colours are shares of the true class's examples."),
    "world_map.png": (
        "World map",
        "Circles are countries, their area the test examples; an arc leads from the true country to the answer.",
    ),
    "samples.png": ("Examples", ""),
    "augmentation.png": (
        "Augmentation",
        "Training images as they are stored, as the network inverts them where it does, and as it sees them changed in "
        "the first epochs.",
    ),
    "classes.png": ("Examples of each class", ""),
    "mistakes.png": ("Mistakes", "Wrong predictions with the highest probability."),
    "gradcam.png": ("What the model looks at", "Grad-CAM: warm colours raise the score of the predicted class."),
}


def write_report(
    folder: str | os.PathLike,
    *,
    title: str,
    scores: Mapping,
    labels: np.ndarray,
    predicted: np.ndarray,
    class_names: Sequence[str],
    data: DataSummary,
    recipe: Mapping,
    published: Sequence[Published] = (),
    facts: Mapping[str, Sequence] | None = None,
    history: Sequence[Mapping] = (),
) -> None:
    """Writes `report.md` and `classes.csv` into a run's folder; shows the pictures that are in it.

    Args:
        folder: The run's folder; must exist.
        title: The heading.
        scores: What `classification_scores` returned, or the same read from `metrics.json`; with `parameters`,
            `wrong_answers`, `same_branch`, `ink`, `faithfulness` and `votes` where they are known, `siblings` and
            `untrained` where the split leaks or leaves out, `train` where training images were scored, and the distance
            scores of countries.
        labels: Integers [N], the true classes.
        predicted: Integers [N], the most probable classes.
        class_names: K names; WordNet ids are shown as readable names.
        data: What the run was trained and tested on.
        recipe: `Recipe.to_dict()`, or another mapping of names to plain values.
        published: Figures of others to set beside ours, shares in 0..1; may be empty.
        facts: N values each, for a table of accuracy by value each: few-valued facts such as the country.
        history: The rows of `history.csv`, for the accuracy per stage; none: nothing is said of stages.

    Raises:
        BadDataError: Labels, predictions, facts and scores are not of the same examples.
        InvalidArgumentError: A published figure is not a share in 0..1.
        OSError: A file cannot be written.
    """
    folder, labels, predicted = Path(folder), np.asarray(labels), np.asarray(predicted)
    _check_same_examples(labels, predicted, scores)
    by_class, shown = class_scores(labels, predicted, len(class_names)), display_names(class_names)
    shown_by_name = dict(zip(class_names, shown, strict=True))
    write_classes(folder / "classes.csv", by_class, class_names, data.class_counts)
    parts = [
        f"# {escape(title)}",
        *_figures(scores, published, by_class.support, shown_by_name),
        geography_section(scores, labels, predicted, class_names),
        _picture(folder, "world_map.png"),
        stage_section(history, published),
        _picture(folder, "curves.png"),
        class_table(by_class, shown),
        _picture(folder, "confusion.png"),
        pair_table(labels, predicted, shown),
        wrong_answer_section(scores, shown_by_name),
        ink_section(scores),
        *(group_table(name, values, labels, predicted) for name, values in (facts or {}).items()),
        *(_picture(folder, name) for name in ("mistakes.png", "samples.png", "augmentation.png", "gradcam.png")),
        *(faithfulness_note(scores), data_section(data, shown), _picture(folder, "classes.png"), _recipe(recipe)),
    ]
    with atomic_write(folder / "report.md") as stream:
        stream.write("\n\n".join(part for part in parts if part) + "\n")


def _check_same_examples(labels: np.ndarray, predicted: np.ndarray, scores: Mapping) -> None:
    if not len(labels) == len(predicted) == scores["num_examples"]:
        raise BadDataError(
            f"{len(labels)} labels, {len(predicted)} predictions and the scores of {scores['num_examples']} examples "
            "do not belong together."
        )


def _figures(
    scores: Mapping, published: Sequence[Published], support: np.ndarray, shown: Mapping[str, str]
) -> list[str]:
    """Returns the parts about the figures of all examples together, and what makes them easier or harder."""
    return [
        _headline(scores, support, list(shown.values())),
        score_section(scores, published, len(shown)),
        training_section(scores, published),
        untrained_section(scores, shown),
        sibling_section(scores),
        vote_section(scores),
    ]


def _headline(scores: Mapping, support: np.ndarray, shown: Sequence[str]) -> str:
    """Returns the result, beside it what always answering the most frequent class would give.

    Args:
        scores: Of the report.
        support: Integers [K], the test examples of each class.
        shown: K names to show.
    """
    top1, interval = percent(scores["top1"]), percent_range(scores["intervals"]["top1"])
    tested = np.count_nonzero(support)
    known = "" if tested == len(shown) else f", out of {len(shown)} that the network tells apart"
    always = ""
    if tested > 1:
        share = percent(support.max() / support.sum())
        always = f' Always answering "{escape(shown[support.argmax()])}" would be right for {share}.'
    return (
        f"Top-1 accuracy {top1} (95 % interval {interval}), measured once on each of {scores['num_examples']:,} test "
        f"examples of {tested} classes{known}.{always}"
    )


def _picture(folder: Path, name: str) -> str:
    if not (folder / name).is_file():
        return ""
    title, caption = _PICTURES[name]
    lines = (f"## {title}", f"![{title}]({name})", caption)
    return "\n\n".join(line for line in lines if line)


def _recipe(recipe: Mapping) -> str:
    rows = []
    for key, value in recipe.items():
        if key == "published":  # stands beside our scores
            continue
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        rows.append([code(key), code(text) if text else ""])
    return "## Recipe\n\n" + table(["setting", "value"], rows, numbers_from=2)
