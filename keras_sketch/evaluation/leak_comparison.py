"""Runs of one network on a split with leaks and on one without: what the leak is worth."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Collection, Sequence

import numpy as np

from keras_sketch.curation.imagenet import display_names
from keras_sketch.evaluation.comparison import ComparedRun, Table
from keras_sketch.evaluation.intervals import unpaired_difference
from keras_sketch.evaluation.leak import accuracy, difference
from keras_sketch.evaluation.leak_section import unpaired, wide
from keras_sketch.evaluation.markdown import percent, percent_range, points, points_range

_SAME = ("model", "dataset", "config", "classes", "per_class")
_OF_NO_MATTER = ("name", "summary", "split", "published")
# A split that trains on fewer examples has a smaller batch where the recipe's is larger than all of them.
_MINOR = {"batch_size", "seed"}
_NAMED = 12
_OTHER_MIX = 0.2  # share of the examples that would have to be of another class for the same mix


@dataclasses.dataclass(frozen=True, eq=False)
class LeakPair:
    """Two runs that differ in the split.

    Attributes:
        leaking: The run whose test examples have siblings in its training split.
        clean: The one whose have none.
        differences: The other fields of the recipe in which they differ.
    """

    leaking: ComparedRun
    clean: ComparedRun
    differences: tuple[str, ...]

    @property
    def comparable(self) -> bool:
        """Whether they differ in nothing else that matters."""
        return set(self.differences) <= _MINOR


def leak_pairs(runs: Sequence[ComparedRun]) -> list[LeakPair]:
    """Returns each run on a leaking split beside each of its network, dataset and classes on a clean one.

    Where there is one that differs from it in nothing but the split, the others are left out.
    """
    own = [run for run in runs if run.trained and not run.tested_on]
    pairs = []
    for leaking in (run for run in own if run.scores.get("leaked")):
        found = [
            LeakPair(leaking, clean, _differences(leaking, clean))
            for clean in own
            if not clean.scores.get("leaked")
            and clean.recipe.split != leaking.recipe.split
            and all(getattr(clean.recipe, name) == getattr(leaking.recipe, name) for name in _SAME)
        ]
        pairs += [pair for pair in found if not pair.differences] or found
    return pairs


def _differences(one: ComparedRun, other: ComparedRun) -> tuple[str, ...]:
    names = (field.name for field in dataclasses.fields(one.recipe) if field.name not in _OF_NO_MATTER)
    return tuple(name for name in names if getattr(one.recipe, name) != getattr(other.recipe, name))


def leak_table(runs: Sequence[ComparedRun]) -> Table | None:
    """Returns what each leak adds; None where no leaking run has a clean one beside it.

    Top-1 of all test examples; where the two splits do not test and train the same classes, of those that both do;
    where they test the same ones, the recall averaged over them, which does not depend on how many examples each has.
    Of runs that differ in more than the split, batch and seed apart, only the figures are shown.
    """
    rows = []
    for pair in leak_pairs(runs):
        names = [pair.leaking.recipe.model, pair.leaking.name, pair.clean.name]
        compared = [
            (which, difference(clean, leaking), _figure(leaking), _figure(clean))
            for which, clean, leaking in _compared(pair)
        ]
        if _tested(pair.clean) == _tested(pair.leaking):
            compared.append(_recalls(pair))
        for which, (added, interval), *figures in compared:
            verdict = "higher" if interval[0] > 0 else "lower" if interval[1] < 0 else "not told apart"
            told = [points(added), points_range(interval), verdict] if pair.comparable else ["", "", "differ in more"]
            rows.append([*names, which, *figures, *told])
    if not rows:
        return None
    header = ["network", "leaking split", "clean split", "figure", "leaking", "clean", "leak adds", "95 %", "verdict"]
    return Table("What the leak is worth", header, rows, numbers_from=4)


def _recalls(pair: LeakPair) -> tuple[str, tuple, str, str]:
    clean, leaking = ((run.scores["recall"], run.scores["intervals"]["recall"]) for run in (pair.clean, pair.leaking))
    shown = [f"{percent(recall)} ({percent_range(interval)})" for recall, interval in (leaking, clean)]
    return "recall, average of the tested classes", unpaired_difference(*clean, *leaking), *shown


def _compared(pair: LeakPair) -> list[tuple[str, dict, dict]]:
    """Returns what is compared, and the figures of the clean and of the leaking run."""
    clean, leaking = pair.clean, pair.leaking
    compared = [("top-1, all test examples", _accuracy(clean), _accuracy(leaking))]
    both = _learnt(clean) & _learnt(leaking)
    if both and both != _tested(clean) | _tested(leaking):
        which = "the one class" if len(both) == 1 else f"the {len(both)} classes"
        label = f"top-1, {which} that both train and test"
        compared.append((label, _accuracy(clean, both), _accuracy(leaking, both)))
    return compared


def _tested(run: ComparedRun) -> set[str]:
    return {run.predictions.class_names[label] for label in np.unique(run.predictions.labels)}


def _learnt(run: ComparedRun) -> set[str]:
    return _tested(run) - set(run.scores.get("untrained", {}).get("classes", ()))


def _accuracy(run: ComparedRun, classes: Collection[str] | None = None) -> dict:
    told = run.predictions
    kept = np.array([classes is None or told.class_names[label] in classes for label in told.labels])
    groups = told.facts.get("group")
    return accuracy((told.predicted == told.labels)[kept], None if groups is None else np.array(groups)[kept])


def _figure(figures: dict) -> str:
    size = f"{figures['num_examples']:,} examples"
    if figures["num_groups"] < figures["num_examples"]:
        size += f", {figures['num_groups']:,} groups"
    return f"{percent(figures['top1'])} ({percent_range(figures['interval'])}; {size})"


def leak_notes(runs: Sequence[ComparedRun]) -> list[str]:
    """Returns what to know about `leak_table`, and about classes that runs could not learn."""
    pairs, said = leak_pairs(runs), []
    if pairs:
        said.append(
            "What the leak is worth: on a leaking split test examples have siblings, examples of the same group, in "
            f"training. The two test splits hold different examples, so the difference is not paired ({unpaired()}; "
            "for recall Zou and Donner 2008); it says what the choice of test examples leaves to chance, not what "
            "another training run would give."
        )
    for pair in pairs:
        names, scores = f"{pair.leaking.name} against {pair.clean.name}", pair.leaking.scores
        have = "has" if scores["leaked"] == 1 else "have"
        text = (
            f"{names}: {scores['leaked']:,} of {scores['num_examples']:,} test examples {have} a sibling in training."
        )
        if pair.differences:
            text += f" They differ in {', '.join(pair.differences)} too"
            text += "." if pair.comparable else ", so what the leak adds cannot be told."
        if pair.comparable:
            text += wide(difference(_accuracy(pair.clean), _accuracy(pair.leaking))[1]) + _mix(pair)
        said.append(text)
    return said + [_untrained(run) for run in runs if run.scores.get("untrained")]


def _mix(pair: LeakPair) -> str:
    """Returns a sentence where the classes' shares of the two test splits differ much."""
    tested = [Counter(map(_true_name(run), run.predictions.labels)) for run in (pair.leaking, pair.clean)]
    shares = [{name: count / each.total() for name, count in each.items()} for each in tested]
    names = sorted({*shares[0], *shares[1]})
    apart = {name: abs(shares[0].get(name, 0.0) - shares[1].get(name, 0.0)) for name in names}
    if sum(apart.values()) / 2 <= _OTHER_MIX:
        return ""
    most = max(names, key=apart.__getitem__)
    leaking, clean = (f"{100 * each.get(most, 0.0):.0f} %" for each in shares)
    return (
        f" The test splits mix the classes differently ({display_names([most])[0]} is {leaking} of the leaking one, "
        f"{clean} of the clean one), and top-1 depends on that too."
    )


def _true_name(run: ComparedRun) -> Callable[[int], str]:
    return run.predictions.class_names.__getitem__


def _untrained(run: ComparedRun) -> str:
    found = run.scores["untrained"]
    names, classes = display_names(run.predictions.class_names), found["classes"]
    shown = dict(zip(run.predictions.class_names, names, strict=True))
    listed = ", ".join(shown[name] for name in classes[:_NAMED]) + (", ..." if len(classes) > _NAMED else "")
    others = found.get("others")
    rest = f" Top-1 on the others: {percent(others['top1'])} ({percent_range(others['interval'])})." if others else ""
    return (
        f"{run.name}: {len(classes)} of {len(_tested(run))} tested classes, with {found['num_examples']:,} examples, "
        f"{'has' if len(classes) == 1 else 'have'} no training example and cannot be learnt ({listed}).{rest}"
    )
