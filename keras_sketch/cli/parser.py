"""A command's parser, made from the signature and the docstring of the function that it calls."""

from __future__ import annotations

import argparse
import difflib
import inspect
import types
import typing
from collections.abc import Callable

import docstring_parser


def make_parser(function: Callable, program: str) -> argparse.ArgumentParser:
    """Returns a parser whose options are the function's arguments.

    An argument without a default is positional; a tuple takes several values, which commas may join; a `Literal` is a
    choice; False is a switch. The help is the docstring's.

    Args:
        function: Annotated, with a Google docstring.
        program: What the help calls it.
    """
    docstring = docstring_parser.parse(function.__doc__, docstring_parser.DocstringStyle.GOOGLE)
    texts = {each.arg_name: each.description.replace("%", "%%") for each in docstring.params}
    hints = typing.get_type_hints(function)
    parser = _Parser(prog=program, description=docstring.short_description, allow_abbrev=False)
    for name, parameter in inspect.signature(function).parameters.items():
        _add(parser, name, hints[name], parameter.default, texts[name])
    return parser


def _add(parser: argparse.ArgumentParser, name: str, hint: object, default: object, text: str) -> None:
    required = default is inspect.Parameter.empty
    flag = name if required else f"--{name.replace('_', '-')}"
    if default is False:
        parser.add_argument(flag, action="store_true", help=text)
        return
    settings: dict = {"help": text}
    if typing.get_origin(hint) is typing.Literal:
        settings |= {"choices": typing.get_args(hint)}
    elif typing.get_origin(hint) is tuple:
        settings |= {"nargs": "+", "metavar": name.upper()}
    else:
        kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        settings |= {"type": next(kind for kind in kinds if kind is not types.NoneType), "metavar": name.upper()}
    if not required:
        settings["default"] = default
        if default not in (None, ()):
            shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
            settings["help"] += f" Default: {shown}."
    parser.add_argument(flag, **settings)


class _Parser(argparse.ArgumentParser):
    def parse_args(self, args=None, namespace=None):
        """Parses, and names the nearest option to one that does not exist."""
        found, unknown = self.parse_known_args(args, namespace)
        if unknown:
            options = [option for action in self._actions for option in action.option_strings]
            near = difflib.get_close_matches(unknown[0].split("=")[0], options, n=1)
            hint = f"Did you mean {near[0]}?" if near else "--help lists the options."
            self.error(f"Unknown option {unknown[0]}. {hint}")
        return found

    def error(self, message: str) -> typing.NoReturn:
        """Exits with 2 and the message alone."""
        self.exit(2, f"error: {message[:1].upper()}{message[1:]}\n")
