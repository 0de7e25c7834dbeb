"""The report's part that sets training beside test, so that overfitting shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keras_sketch.evaluation.intervals import unpaired_difference
from keras_sketch.evaluation.markdown import percent, percent_range, points, points_range, table
from keras_sketch.recipes.recipe import Published

_NAMES = {"top1": "top-1", "top5": "top-5", "gap": "GAP"}


def training_section(scores: Mapping, published: Sequence[Published] = ()) -> str:
    """Returns the part "Training and test"; nothing where training images were not scored.

    Args:
        scores: With `train` where they were: `top1`, `top5`, `gap`, `num_examples` and `intervals`.
        published: Figures of others; those named `train.SCORE` stand beside ours, with theirs of the test.
    """
    train = scores.get("train")
    if not train:
        return ""
    sources = [(number, row) for number, row in enumerate(published, 1) if any(map(_of_training, row.figures))]
    header = ["score", "training", "95 % interval", "test", "95 % interval", "points", "95 % interval"]
    for number, _ in sources:
        header += [f"training, published [{number}]", f"test, published [{number}]"]
    rows = []
    for key, name in _NAMES.items():
        test, interval = score_of_test(scores, key)
        difference, range_ = unpaired_difference(test, interval, train[key], train["intervals"][key])
        cells = [name, percent(train[key]), percent_range(train["intervals"][key]), percent(test)]
        cells += [percent_range(interval), points(difference), points_range(range_)]
        for _, row in sources:
            cells += [percent(row.figures[each]) if each in row.figures else "" for each in (f"train.{key}", key)]
        rows.append(cells)
    cells = ["examples", f"{train['num_examples']:,}", "", f"{scores['num_examples']:,}"]
    rows.append(cells + [""] * (len(header) - len(cells)))
    return "\n\n".join(["## Training and test", table(header, rows), _sentence(scores)])


def score_of_test(scores: Mapping, key: str) -> tuple[float, Sequence[float]]:
    """Returns a score of the test split's own examples and its interval; GAP is that without distractors."""
    key = f"{key}_without_distractors" if f"{key}_without_distractors" in scores else key
    return scores[key], scores["intervals"][key]


def _of_training(figure: str) -> bool:
    return figure.startswith("train.") and figure.removeprefix("train.") in _NAMES


def _sentence(scores: Mapping) -> str:
    train, (test, interval) = scores["train"], score_of_test(scores, "top1")
    difference, (low, high) = unpaired_difference(test, interval, train["top1"], train["intervals"]["top1"])
    how = "higher" if difference >= 0 else "lower"
    text = f"Top-1 is {abs(100 * difference):.2f} points {how} on images that the network was trained on than on others"
    if low > 0:
        text += ": so much it has learnt of these images that does not hold for new ones (overfitting)."
    elif high < 0:
        text += "."
    else:
        text += "; the interval of the difference holds 0, so that overfitting does not show."
    text += " They are a fixed sample of the training split, without augmentation and dropout."
    if "num_distractors" in scores:
        text += " GAP is that without distractors, of which training has none."
    return text
