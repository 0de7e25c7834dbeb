"""How the arguments of a command are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from keras_sketch.errors import InvalidArgumentError, MissingDataError, UnknownNameError


def check_known(names: Iterable[str], options: type) -> None:
    """Raises UnknownNameError for a name that a TypedDict of options has not."""
    for name in names:
        if name not in options.__annotations__:
            raise UnknownNameError("argument", name, options.__annotations__)


def split_names(names: str | Sequence[str]) -> tuple[str, ...]:
    """Splits each string at its commas: `"cat,dog"`, `("cat,dog",)` and `("cat", "dog")` are the same."""
    names = [names] if isinstance(names, str) else names
    return tuple(name.strip() for each in names for name in each.split(",") if name.strip())


def split_numbers(argument: str, numbers: Sequence[str | float], kind: Callable) -> tuple:
    """Reads numbers, of which strings may hold several with commas between them: `(1, 2)` and `("1,2",)` are the same.

    Args:
        argument: What the error calls them.
        numbers: At least one.
        kind: `int` or `float`.

    Raises:
        InvalidArgumentError: There is none, or one is no such number.
    """
    texts = split_names([str(number) for number in numbers])
    try:
        found = tuple(kind(text) for text in texts)
    except ValueError:
        found = ()
    if not found:
        what = "whole numbers" if kind is int else "numbers"
        raise InvalidArgumentError(argument, f"{what}, at least one, with commas between them", ", ".join(texts))
    return found


def picture_path(output: str) -> Path:
    """Checks where a picture is to be written, before anything is done for it.

    Raises:
        InvalidArgumentError: It is a folder.
        MissingDataError: It is to be in a folder that does not exist.
    """
    picture = Path(output)
    if picture.is_dir():
        raise InvalidArgumentError("output", "the picture to write, not a folder", str(picture))
    if not picture.absolute().parent.is_dir():
        raise MissingDataError(f"The folder of {picture} does not exist. Make it, or choose another --output.")
    return picture
