"""The command `keras-sketch`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from keras_sketch.errors import KerasSketchError, UnknownNameError


def main() -> None:
    """Runs `keras-sketch COMMAND ...`."""
    _exit_on_error(lambda: _dispatch(sys.argv[1:]))


def train_main() -> None:
    """Runs `train.py ...`: the command `keras-sketch train`."""
    from keras_sketch.workflows import train

    _exit_on_error(lambda: _call(train, "train.py", sys.argv[1:]))


def _dispatch(arguments: list[str]) -> None:
    """Finds the command before its options are parsed: to read one help, the others need not be made."""
    from keras_sketch import workflows

    commands = {name.removesuffix("_names").replace("_", "-"): getattr(workflows, name) for name in workflows.__all__}
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: keras-sketch COMMAND ...\n")
        for name, function in commands.items():
            print(f"  {name:10}{function.__doc__.splitlines()[0]}")
        print("\nkeras-sketch COMMAND --help lists the options of a command.")
        return
    name, *rest = arguments
    if name not in commands:
        raise UnknownNameError("command", name, commands)
    _call(commands[name], f"keras-sketch {name}", rest)


def _call(function: Callable[..., object], program: str, arguments: list[str]) -> None:
    from keras_sketch.cli.parser import make_parser

    function(**vars(make_parser(function, program).parse_args(arguments)))


def _exit_on_error(command: Callable[[], None]) -> None:
    """Runs a command; a mistake of the user's is one message and exit code 2, a saved stop 128 plus the signal."""
    logging.getLogger("absl").setLevel(logging.ERROR)
    try:
        command()
    except KerasSketchError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(getattr(error, "exit_code", 2)) from None
    except OSError as error:
        print(f"error: {error.strerror or error}: {error.filename or 'unknown file'}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        raise SystemExit(130) from None
