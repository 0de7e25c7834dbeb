"""The exceptions that a user can cause; the command line prints their message and exits with 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping


class KerasSketchError(Exception):
    """Base of every error whose message is written for the user: what, where, and what to do next."""


class UnknownNameError(KerasSketchError, ValueError):
    """A name (dataset, model, class, ...) is not one of the known ones; `nearest` is the one most like it, or None."""

    def __init__(
        self,
        kind: str,
        name: object,
        choices: Iterable[str],
        hint: str = "",
        spellings: Mapping[str, str] | None = None,
    ):
        """Says which names exist and which one is nearest.

        Args:
            kind: What the name stands for, singular, e.g. `"dataset"`.
            name: What was received.
            choices: The names that exist; beyond 20 only the nearest are listed.
            hint: A sentence to append.
            spellings: What to compare with, in place of the choices, and the choice that each means.
        """
        choices, text = sorted(map(str, choices)), str(name).casefold()
        meant = spellings or dict(zip(choices, choices, strict=True))
        spelled = {spelling.casefold(): choice for spelling, choice in meant.items()}
        alike = sorted(
            difflib.get_close_matches(text, sorted(spelled), n=3, cutoff=0.6),
            key=lambda spelling: sorted(spelling) != sorted(text),
        )
        near = list(dict.fromkeys(spelled[spelling] for spelling in alike))
        self.nearest = near[0] if near else None
        message = f"Unknown {kind} {name!r}."
        if near:
            message += f" Did you mean {near[0]!r}?"
        if len(choices) <= 20:
            message += f" Known: {', '.join(choices) or 'none'}."
        else:
            message += f" There are {len(choices)}" + (f"; nearest: {', '.join(near)}." if near else ".")
        super().__init__(f"{message} {hint}".rstrip())


class InvalidArgumentError(KerasSketchError, ValueError):
    """An argument has a value that cannot be used."""

    def __init__(self, argument: str, allowed: str, received: object):
        """Says the argument, what it may be and what was received."""
        super().__init__(f"`{argument}` must be {allowed}. Received: {received!r}.")


class MissingDataError(KerasSketchError, FileNotFoundError):
    """A file or folder that is needed is not there, or could not be downloaded."""


class BadDataError(KerasSketchError, ValueError):
    """The data is there but cannot be used: damaged, empty, or too many bad examples."""


class RunFolderError(KerasSketchError, OSError):
    """A run's folder cannot be used: finished already, not a run, damaged, or not writable."""


class TrainingError(KerasSketchError, RuntimeError):
    """Training cannot go on, or cannot do what was asked."""


class DivergedError(TrainingError):
    """The loss is not finite any more."""


class WorkerLostError(TrainingError):
    """Another worker of a training on several machines died or hangs; all are to be started again."""

    exit_code = 75
    """EX_TEMPFAIL of sysexits.h: what failed may succeed when it is tried again."""


class RunInterrupted(KerasSketchError):
    """A signal stopped the run after its state was saved; `exit_code` is 128 plus the signal's number."""

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.exit_code = 128 + signal_number
