"""What is compared where several runs stand side by side: their tables, and which of them may be compared."""

from __future__ import annotations

import dataclasses
import string
from collections.abc import Mapping, Sequence
from pathlib import Path

from keras_sketch.curation.imagenet import display_names
from keras_sketch.evaluation.intervals import PairedDifference, paired_difference
from keras_sketch.evaluation.markdown import aligned, escape, percent, percent_range, points, points_range, table
from keras_sketch.evaluation.predictions import RankedPredictions
from keras_sketch.evaluation.score_section import RANKING_NAMES, SCORE_NAMES, VOTES, check_published
from keras_sketch.recipes.recipe import Published, Recipe


@dataclasses.dataclass(frozen=True, eq=False)
class ComparedRun:
    """A finished run, as it stands in its folder.

    Attributes:
        name: What the tables call it; no two runs of a report have the same.
        folder: Where it is.
        recipe: How it was made.
        scores: Its `metrics.json`.
        history: The rows of its `history.csv`.
        predictions: Its `predictions.csv`, with its own class names.
        input_shape: Height, width and channels of the network's input; None: not known.
        tested_on: The dataset, with its config, of an evaluation elsewhere; empty: the run's own test split.
    """

    name: str
    folder: Path
    recipe: Recipe
    scores: Mapping
    history: Sequence[Mapping]
    predictions: RankedPredictions
    input_shape: tuple[int, int, int] | None = None
    tested_on: str = ""

    @property
    def trained(self) -> bool:
        """Whether anything was trained, or the network tested as it was pretrained."""
        return bool(self.recipe.stages)

    @property
    def phase(self) -> str:
        """`"before"` fine-tuning: as pretrained; `"after"` it; or `"scratch"`: trained from random weights."""
        if not self.trained:
            return "before"
        return "after" if self.recipe.weights else "scratch"


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of plain text; cells hold no Markdown.

    Attributes:
        title: What stands above it.
        header: The column titles.
        rows: As many cells each.
        numbers_from: The first column of numbers.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers_from: int = 1

    def markdown(self) -> str:
        """Returns the table below its title, as a part of a report."""
        rows = [list(map(escape, row)) for row in self.rows]
        return f"## {escape(self.title)}\n\n{table(list(map(escape, self.header)), rows, self.numbers_from)}"

    def plain(self) -> str:
        """Returns the table below its title, for a terminal."""
        return f"{self.title}\n{aligned(self.header, self.rows, self.numbers_from)}"


def lettered_test_sets(runs: Sequence[ComparedRun]) -> list[str]:
    """Returns for each run the letter of its test set: A, B, ...; two are the same if examples and labels are."""
    known: list[frozenset] = []
    letters = []
    for run in runs:
        examples = frozenset(_true_classes(run).items())
        if examples not in known:
            known.append(examples)
        letters.append(_letter(known.index(examples)))
    return letters


def published_rows(runs: Sequence[ComparedRun]) -> list[Published]:
    """Returns the published figures that the runs' recipes name; those with one source and one note once.

    Raises:
        InvalidArgumentError: One is not a share in 0..1.
    """
    sources = {}
    for run in runs:
        if run.recipe.published:
            check_published(run.recipe.published)
            sources.setdefault((run.recipe.published.source, run.recipe.published.note), run.recipe.published)
    return list(sources.values())


def model_table(runs: Sequence[ComparedRun]) -> Table:
    """Returns Table 1: what the runs trained, and how."""
    stages = [run.recipe.stages for run in runs]
    partly = any(stage.train_from != "all" for each in stages for stage in each)
    header = ["run", "model", "dataset", "weights", "optimizer", "learning rate", *(["trained from"] if partly else [])]
    numbers = ["parameters", *(["of them trained"] if partly else []), "input", "batch", "epochs"]
    rows = []
    for run in runs:
        recipe = run.recipe
        part = [_joined(stage.train_from for stage in recipe.stages)] if partly else []
        trained = recipe.epochs if run.tested_on else len(run.history)
        rows.append(
            [
                run.name,
                recipe.model,
                recipe.dataset + (f"/{recipe.config}" if recipe.config else "") if run.trained else "",
                Path(recipe.weights).name if recipe.weights else "random",
                _joined(stage.optimizer for stage in recipe.stages),
                _joined(_rate(stage) for stage in recipe.stages),
                *part,
                *(_count(run, name) for name in ("parameters", *(["parameters_trained"] if partly else []))),
                " x ".join(map(str, run.input_shape)) if run.input_shape else "",
                f"{recipe.batch_size:,}" if run.trained else "",
                f"{recipe.epochs:,}"
                if run.tested_on or trained == recipe.epochs
                else f"{trained:,} of {recipe.epochs:,}",
            ]
        )
    return Table("Table 1. The models", [*header, *numbers], rows, numbers_from=len(header))


def score_table(title: str, keys: Sequence[str], runs: Sequence[ComparedRun]) -> Table:
    """Returns a table of scores with intervals, published ones beside them, and the difference in points.

    Args:
        title: What stands above it.
        keys: Names of scores in `metrics.json`.
        runs: One row each.
    """
    letters, sources = lettered_test_sets(runs), published_rows(runs)
    several = len(set(letters)) > 1
    header = ["run", *(["test set"] if several else []), "test examples", "classes"]
    for key in keys:
        header += [(SCORE_NAMES | RANKING_NAMES).get(key, key), "95 %"]
        if any(key in row.figures for row in sources):
            header += ["published", "difference"]
    rows = []
    for run, letter in zip(runs, letters, strict=True):
        cells = [run.name, *([letter] if several else []), f"{run.scores['num_examples']:,}", _classes(run)]
        for key in keys:
            cells += [percent(run.scores[key]), percent_range(run.scores["intervals"][key])]
            if any(key in row.figures for row in sources):
                cells += _beside_published(run, key, sources)
        rows.append(cells)
    return Table(title, header, rows, numbers_from=2 if several else 1)


def _classes(run: ComparedRun) -> str:
    """Returns how many classes have a test example, and how many the network tells apart where those are more."""
    tested, known = len(set(run.predictions.labels.tolist())), len(run.predictions.class_names)
    return f"{known:,}" if tested == known else f"{tested:,} of {known:,}"


def _beside_published(run: ComparedRun, key: str, sources: Sequence[Published]) -> list[str]:
    published = run.recipe.published
    if published is None or key not in published.figures:
        return ["", ""]
    theirs = published.figures[key]
    number = next(i for i, row in enumerate(sources, 1) if (row.source, row.note) == (published.source, published.note))
    return [f"{percent(theirs)} [{number}]", points(run.scores[key] - theirs)]


def paired_table(runs: Sequence[ComparedRun]) -> Table | None:
    """Returns how the runs with the first one's test set differ from it in top-1; None where there is none."""
    first, letters = runs[0], lettered_test_sets(runs)
    rows = []
    for run, letter in zip(runs[1:], letters[1:], strict=True):
        if letter != letters[0]:
            continue
        found = paired(first, run)
        low, high = found.interval
        verdict = "higher" if low > 0 else "lower" if high < 0 else "not told apart"
        rows.append(
            [
                run.name,
                points(found.difference),
                points_range(found.interval),
                f"{found.gained:,}",
                f"{found.lost:,}",
                verdict,
            ]
        )
    if not rows:
        return None
    header = ["run", "top-1, points", "95 %", "right only here", "right only there", "verdict"]
    return Table(f"Against {first.name}, on the same test examples", header, rows)


def vote_table(runs: Sequence[ComparedRun]) -> Table | None:
    """Returns top-1 by one view and by the votes of several; None where no run was evaluated with a vote."""
    names = [name for name in VOTES if any(name in run.scores.get("votes", {}) for run in runs)]
    if not names:
        return None
    header = ["run", "one view"]
    for name in names:
        header += [VOTES[name], "points", "95 %"]
    rows = []
    for run in runs:
        cells = [run.name, percent(run.scores["top1"])]
        for name in names:
            vote = run.scores.get("votes", {}).get(name)
            if vote is None:
                cells += [""] * 3
            else:
                difference = vote["difference"]
                cells += [percent(vote["top1"]), points(difference["top1"]), points_range(difference["interval"])]
        rows.append(cells)
    return Table("Voting: top-1", header, rows)


def paired(first: ComparedRun, second: ComparedRun, k: int = 1) -> PairedDifference:
    """Compares how often the true class is among the `k` best of two runs with one test set, whatever its order."""
    hits = [
        dict(zip(told.ids, (told.ranked[:, :k] == told.labels[:, None]).any(axis=1), strict=True))
        for told in (first.predictions, second.predictions)
    ]
    return paired_difference(list(hits[0].values()), [hits[1][example] for example in hits[0]])


def _true_classes(run: ComparedRun) -> dict[str, str]:
    names = display_names(run.predictions.class_names)
    return {example: names[label] for example, label in zip(run.predictions.ids, run.predictions.labels, strict=True)}


def _count(run: ComparedRun, name: str) -> str:
    return f"{run.scores[name]:,}" if name in run.scores else ""


def _letter(number: int) -> str:
    return string.ascii_uppercase[number] if number < 26 else f"{number + 1}"


def _rate(stage) -> str:
    return f"{stage.learning_rate:g}" + ("" if stage.schedule == "constant" else f" {stage.schedule}")


def _joined(values) -> str:
    """Returns values one after another, equal ones in a row once."""
    values = list(values)
    return ", then ".join(value for i, value in enumerate(values) if i == 0 or value != values[i - 1])
