"""The report's parts about the figures of the whole test split: ours, published ones, and those by voting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.evaluation.markdown import escape, percent, percent_range, points, points_range, table
from keras_sketch.recipes.recipe import Published

SCORE_NAMES = {"top1": "top-1", "top5": "top-5", "precision": "precision", "recall": "recall", "f1": "F1"}
RANKING_NAMES = {"gap": "GAP", "gap_without_distractors": "GAP without distractors"}
"""Of scores that runs from before they were measured do not have."""
VOTES = {
    "crops": "six views, majority",
    "cam": "six views, weighted by heat",
}
"""What the ways to vote are called, by the name that `evaluate --vote` takes."""


def score_section(scores: Mapping, published: Sequence[Published], num_classes: int) -> str:
    """Returns the part "Scores": the figures with intervals, published ones beside them.

    Raises:
        InvalidArgumentError: A published figure is not a share in 0..1.
    """
    for row in published:
        check_published(row)
    others = (key for row in published for key in row.figures)
    known = [*SCORE_NAMES, *(key for key in RANKING_NAMES if key in scores)]
    known += dict.fromkeys(key for key in others if "." not in key and not key.endswith("_before") and key not in known)
    header = ["score", "this run", "95 % interval", *(f"published [{i}]" for i in range(1, len(published) + 1))]
    rows = []
    for key in known:
        ours = percent(scores[key]) if key in scores else ""
        interval = percent_range(scores["intervals"][key]) if key in scores["intervals"] else ""
        theirs = [percent(row.figures[key]) if key in row.figures else "" for row in published]
        rows.append([(SCORE_NAMES | RANKING_NAMES).get(key, escape(key)), ours, interval, *theirs])
    rows.append(["test examples", f"{scores['num_examples']:,}", "", *([""] * len(published))])
    if "num_distractors" in scores:
        rows.append(["distractors", f"{scores['num_distractors']:,}", "", *([""] * len(published))])
    if "parameters" in scores:
        trained = scores.get("parameters_trained", scores["parameters"])
        frozen = "" if trained == scores["parameters"] else f" ({trained:,} trained)"
        rows.append(["parameters", f"{scores['parameters']:,}{frozen}", "", *([""] * len(published))])
    weighted = ", ".join(
        f"{SCORE_NAMES[key]} {percent(scores[f'{key}_weighted'])}" for key in ("precision", "recall", "f1")
    )
    explanation = (
        "Precision, recall and F1 are averages over the classes with a test example, all with the same weight; "
        f"weighted by the number of examples: {weighted}. Intervals: Wilson's for top-1 and top-5, bootstrap for the "
        "others. They say what the choice of test examples leaves to chance, not what another training run would give."
    )
    if "gap" in scores:
        explanation += _about_gap(scores)
    if scores.get("num_groups", scores["num_examples"]) < scores["num_examples"]:
        explanation += (
            f" The test examples come from {scores['num_groups']:,} groups of siblings that resemble each other; the "
            "intervals allow for that."
        )
    if num_classes <= 5:
        explanation += f" With {num_classes} classes, top-5 is 100 % by definition."
    notes = [published_note(i, row, scores) for i, row in enumerate(published, start=1)]
    return "\n\n".join(["## Scores", table(header, rows), *notes, explanation])


def _about_gap(scores: Mapping) -> str:
    text = (
        " GAP (global average precision) ranks the answers by the probability that the network gives them and averages "
        "the precision down to each right one over the test examples: it is high where right answers are surer than "
        "wrong ones, and never above top-1."
    )
    if "num_distractors" in scores:
        text += " Distractors, images of none of the classes, stand in its ranking as wrong answers, and nowhere else."
    return text


def check_published(row: Published) -> None:
    """Raises `InvalidArgumentError` where a published figure is not a share in 0..1."""
    for key, share in row.figures.items():
        if not 0 <= share <= 1:
            raise InvalidArgumentError(f"published figure {key}", "a share in 0..1", share)


def published_note(number: int, row: Published, scores: Mapping) -> str:
    """Returns what to know about published figures: their source, how ours compares, and why it may not."""
    text = f"[{number}] {escape(row.source)}."
    if "top1" in row.figures:
        low, high = scores["intervals"]["top1"]
        theirs = row.figures["top1"]
        difference = 100 * (scores["top1"] - theirs)
        place = "below" if theirs < low else "above" if theirs > high else "within"
        text += f" Our top-1 is {abs(difference):.2f} points {'higher' if difference >= 0 else 'lower'}; "
        text += f"the published figure lies {place} our interval."
    if row.note:
        text += f" {escape(not_like_for_like(row))}"
    return text


def not_like_for_like(row: Published) -> str:
    """Returns the sentence that says what published figures were measured on, as plain text."""
    note = row.note.rstrip(".")
    return f"Its data and split: {note}. Where ours differ, this is no like-for-like comparison."


def vote_section(scores: Mapping) -> str:
    """Returns the part "Voting", with the figures of one view beside them; nothing where there was no vote."""
    votes = scores.get("votes") or {}
    if not votes:
        return ""
    keys = ("top1", "top5", "f1")
    header = ["prediction from", *(SCORE_NAMES[key] for key in keys), "top-1 against one view", "95 % interval"]
    rows = [["one view", *(_with_interval(scores, key) for key in keys), "", ""]]
    for name, vote in votes.items():
        difference = vote["difference"]
        rows.append(
            [
                escape(VOTES.get(name, name)),
                *(_with_interval(vote, key) for key in keys),
                points(difference["top1"]),
                points_range(difference["interval"]),
            ]
        )
    lines = [
        f"{escape(VOTES.get(name, name)).capitalize()}: {vote['difference']['gained']:,} examples are right that one "
        f"view had wrong, and {vote['difference']['lost']:,} wrong that it had right "
        f"([predictions-{name}.csv](predictions-{name}.csv))."
        for name, vote in votes.items()
    ]
    explanation = (
        "The views are the whole picture and five crops (the corners and the centre) of it read 256/224 as large. Each "
        "votes for one class; a crop of bare paper has no vote. Weighted by heat, a crop's vote counts as much as the "
        "share of the Grad-CAM heat, for the class predicted from the whole picture, that lies in it. Differences are "
        "paired, over the same examples, with the interval of Agresti and Min."
    )
    return "\n\n".join(["## Voting", table(header, rows), *lines, explanation])


def faithfulness_note(scores: Mapping) -> str:
    """Returns how faithful the heat maps are, beside a map that knows nothing; nothing where it was not measured."""
    measured = scores.get("faithfulness")
    if not measured:
        return ""

    def figure(name):
        row = measured[name]
        interval = "" if row["low"] is None else f" (95 % {row['low']:+.3f} to {row['high']:+.3f})"
        return f"{row['score']:+.3f}{interval}".replace("-", "−")

    return (
        f"Measured on {measured['num_images']} test images by insertion and deletion of ink, the hottest first: "
        f"Grad-CAM {figure('gradcam')}, a random map {figure('random')}. The figure is the area under the class's "
        "probability while the drawing appears less that while it is rubbed out, −1 to 1: 0 is chance, more is better."
    )


def _with_interval(scores: Mapping, key: str) -> str:
    return f"{percent(scores[key])} ({percent_range(scores['intervals'][key])})"
