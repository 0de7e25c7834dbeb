"""Networks before fine-tuning and after it: tables with a row a network or a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keras_sketch.curation.imagenet import display_names
from keras_sketch.evaluation.comparison import ComparedRun, Table, lettered_test_sets, paired, published_rows
from keras_sketch.evaluation.markdown import percent, percent_range, points, points_range

_ANSWERS = 5
_KEYS = {"top1": ("top-1", 1), "top5": ("top-5", 5)}


def before_after_table(title: str, runs: Sequence[ComparedRun]) -> Table:
    """Returns top-1 and top-5 before and after fine-tuning, a row a network, published figures beside them.

    Where a network was fine-tuned in several ways each has a row. Before and after stand in one row, with the paired
    difference in points, where they are of the same test examples. A run from random weights was not fine-tuned: it has
    a row of its own, which says so.

    Args:
        title: What stands above it.
        runs: See `ComparedRun.phase`.
    """
    letters, sources = lettered_test_sets(runs), published_rows(runs)
    several = len(set(letters)) > 1
    published = [key for key in _KEYS if any({key, f"{key}_before"} & set(row.figures) for row in sources)]
    header = ["network", *(["test set"] if several else []), "test examples"]
    for name, _ in _KEYS.values():
        header += [f"{name} before", f"{name} after", "points"]
    header += [f"{_KEYS[key][0]} published" for key in published]
    rows = []
    for model, letter, before, after in _pairs(runs, letters):
        either = after or before
        cells = [model, *([letter] if several else []), f"{either.scores['num_examples']:,}"]
        for key, (_, k) in _KEYS.items():
            cells += [_score(before, key), _score(after, key), _difference(before, after, k)]
        rows.append([*cells, *(_published(either, key, sources) for key in published)])
    return Table(title, header, rows, numbers_from=2 if several else 1)


def _pairs(
    runs: Sequence[ComparedRun], letters: Sequence[str]
) -> list[tuple[str, str, ComparedRun | None, ComparedRun | None]]:
    """Returns name, test set, the run before and the run after for each row."""
    places: dict[tuple[str, str], dict[str, list[ComparedRun]]] = {}
    for run, letter in zip(runs, letters, strict=True):
        places.setdefault((run.recipe.model, letter), _phases(list))[run.phase].append(run)
    rows = []
    for (model, letter), found in places.items():
        before, after, scratch = found.values()
        rows += [(_called(model, run, before), letter, run, None) for run in before[bool(after) :]]
        rows += [(_called(model, run, after), letter, before[0] if before else None, run) for run in after]
        rows += [(_called(model, run, scratch), letter, None, run) for run in scratch]
    return rows


def _phases(kind: type) -> dict:
    return {phase: kind() for phase in ("before", "after", "scratch")}


def _called(model: str, run: ComparedRun, others: Sequence[ComparedRun]) -> str:
    name = model if len(others) == 1 else f"{model} ({run.name})"
    elsewhere = run.trained and run.tested_on and run.tested_on.split("/")[0] != run.recipe.dataset
    from_random = ", from random weights" if run.phase == "scratch" else ""
    return name + from_random + (f", trained on {run.recipe.dataset}" if elsewhere else "")


def _score(run: ComparedRun | None, key: str) -> str:
    return "" if run is None else f"{percent(run.scores[key])} ({percent_range(run.scores['intervals'][key])})"


def _difference(before: ComparedRun | None, after: ComparedRun | None, k: int) -> str:
    if before is None or after is None:
        return ""
    found = paired(before, after, k)
    return f"{points(found.difference)} ({points_range(found.interval)})"


def _published(run: ComparedRun, key: str, sources: Sequence) -> str:
    published = run.recipe.published
    if published is None:
        return ""
    before, after = (published.figures.get(name) for name in (f"{key}_before", key))
    shown = " → ".join(percent(share) for share in (before, after) if share is not None)
    number = next(i for i, row in enumerate(sources, 1) if (row.source, row.note) == (published.source, published.note))
    return f"{shown} [{number}]" if shown else ""


def apart_notes(runs: Sequence[ComparedRun]) -> list[str]:
    """Returns a sentence for each network whose figures before and after are of different examples only."""
    sets: dict[str, dict[str, set[str]]] = {}
    for run, letter in zip(runs, lettered_test_sets(runs), strict=True):
        sets.setdefault(run.recipe.model, _phases(set))[run.phase].add(letter)
    return [
        f"{model} was tested on other examples before fine-tuning ({', '.join(sorted(found['before']))}) than after it "
        f"({', '.join(sorted(found['after']))}): there is no difference to give."
        for model, found in sets.items()
        if found["before"] and found["after"] and not found["before"] & found["after"]
    ]


def size_notes(runs: Sequence[ComparedRun]) -> list[str]:
    """Returns a sentence for each network that saw images of another size after fine-tuning than before it."""
    sides: dict[str, dict[str, set[int]]] = {}
    for run in runs:
        if run.input_shape:
            sides.setdefault(run.recipe.model, _phases(set))[run.phase].add(run.input_shape[0])
    return [
        f"{model} saw images of {_listed(found['before'])} pixels a side before fine-tuning, of "
        f"{_listed(found['after'])} after it: the difference is that of the sizes too."
        for model, found in sides.items()
        if found["before"] and found["after"] and found["before"] != found["after"]
    ]


def _listed(sides: set[int]) -> str:
    return " and ".join(map(str, sorted(sides)))


def wrong_answer_table(title: str, runs: Sequence[ComparedRun]) -> Table:
    """Returns the most frequent wrong answers of each run, with their number and their share of its errors."""
    rows = []
    for run in runs:
        shown = shown_names(run)
        answers = run.scores.get("wrong_answers", [])[:_ANSWERS]
        cells = [f"{shown[row['class']]}: {row['count']:,} ({percent(row['share'])})" for row in answers]
        rows.append([run.name, *cells, *([""] * (_ANSWERS - len(cells)))])
    return Table(title, ["run", *(f"{place}." for place in range(1, _ANSWERS + 1))], rows, numbers_from=_ANSWERS + 1)


def branch_table(title: str, runs: Sequence[ComparedRun]) -> Table | None:
    """Returns how many errors of each run stay in the true class's WordNet branch; None where no run has branches."""
    rows = []
    for run in runs:
        branch = run.scores.get("same_branch")
        if branch:
            shares = (percent(branch["share"]), percent_range(branch["interval"]), percent(branch["chance"]))
            rows.append([run.name, f"{branch['num_errors']:,}", *shares])
    return Table(title, ["run", "errors", "in the branch", "95 %", "dealt at random"], rows) if rows else None


def ink_table(title: str, runs: Sequence[ComparedRun]) -> Table | None:
    """Returns top-1 by how sparse the drawing is; None of photos, or where all are equally sparse."""
    rows = [[run.name, *map(_quarter, run.scores["ink"])] for run in runs if len(run.scores.get("ink", ())) == 4]
    return Table(title, ["run", "sparsest quarter", "second", "third", "densest quarter"], rows) if rows else None


def _quarter(row: Mapping) -> str:
    return f"{percent(row['top1'])} ({percent_range(row['interval'])})"


def shown_names(run: ComparedRun) -> dict[str, str]:
    """Returns the names to show for a run's classes."""
    names = run.predictions.class_names
    return dict(zip(names, display_names(names), strict=True))
