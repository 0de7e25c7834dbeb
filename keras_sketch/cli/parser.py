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
    choice; False is a switch; `**options: Unpack[...]` stands for the keys of that `TypedDict`. The help is the
    docstrings'.

    Args:
        function: Annotated, with a Google docstring.
        program: What the help calls it.
    """
    parser = _Parser(prog=program, description=_docstring(function).short_description, allow_abbrev=False)
    hints, texts = typing.get_type_hints(function), _texts(function)
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            _add(parser, name, hints[name], parameter.default, texts[name])
            continue
        (options,) = typing.get_args(hints[name])
        for key, hint in typing.get_type_hints(options).items():
            _add(parser, key, hint, () if typing.get_origin(hint) is tuple else None, _texts(options)[key])
    return parser


def _docstring(documented: Callable) -> docstring_parser.Docstring:
    return docstring_parser.parse(documented.__doc__, docstring_parser.DocstringStyle.GOOGLE)


def _texts(documented: Callable) -> dict[str, str]:
    return {each.arg_name: each.description.replace("%", "%%") for each in _docstring(documented).params}


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
