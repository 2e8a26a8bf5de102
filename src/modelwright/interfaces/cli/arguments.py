"""Arguments of a command from its Request struct: names, types, ranges and help all come from the fields."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any, NoReturn

import msgspec
from msgspec import NODEFAULT
from msgspec import inspect as mi

from modelwright.core.errors import SpecError, did_you_mean
from modelwright.spec.check_types import Checker, default_of, struct_type
from modelwright.spec.source import Node, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Globals:
    """What every command takes."""

    json: bool = False
    workspace: str | None = None
    quiet: bool = False
    no_color: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Argument:
    field: mi.Field
    kind: mi.Type  # without Metadata and None
    flags: tuple[str, ...]  # empty: positional
    description: str

    @property
    def label(self) -> str:
        return next((flag for flag in self.flags if flag.startswith("--")), self.field.name.upper())


class _Parser(argparse.ArgumentParser):
    """argparse that raises our error instead of leaving the process."""

    def error(self, message: str) -> NoReturn:
        hint = f"see `{self.prog} --help`"
        known = [flag for action in self._actions for flag in action.option_strings if flag.startswith("--")]
        if message.startswith("unrecognized arguments: -"):
            wrong = message.split(": ", 1)[1].split()[0].split("=")[0]
            hint = f"{did_you_mean(wrong, known)}; {hint}"
        raise SpecError(f"{message[:1].upper()}{message[1:]}.", code="usage.arguments", hint=hint, subject=self.prog)


def parse(
    words: tuple[str, ...], summary: str, request: type[msgspec.Struct], arguments: list[str]
) -> tuple[Any, Globals]:
    """Build the request from the command line. Raises SpecError (`usage.*`); prints help and exits on `--help`."""
    parser = _Parser(prog=f"modelwright {' '.join(words)}", description=summary, allow_abbrev=False, exit_on_error=True)
    known = [_argument(field) for field in struct_type(request).fields]
    for argument in known:
        _add(parser, argument)
    add_globals(parser)
    found = vars(parser.parse_intermixed_args(arguments))
    shared = Globals(**{name: found.pop(f"_{name}") for name in Globals.__slots__})
    values = {a.field.name: _typed(found[a.field.name], a) for a in known if found.get(a.field.name) is not None}
    try:
        return msgspec.convert(values, request), shared
    except msgspec.ValidationError as error:
        hint = f"see `{parser.prog} --help`"
        raise SpecError(f"{error}.", code="usage.arguments", hint=hint, subject=parser.prog) from error


def add_globals(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("with every command")
    group.add_argument("--json", dest="_json", action="store_true", help="print exactly one JSON object on stdout")
    group.add_argument("--workspace", dest="_workspace", metavar="DIR", help="where runs and models are kept")
    group.add_argument("--quiet", dest="_quiet", action="store_true", help="no progress")
    group.add_argument("--no-color", dest="_no_color", action="store_true", help="plain text")


def _argument(field: mi.Field) -> _Argument:
    kind, description, extra = field.type, "", {}
    if isinstance(kind, mi.Metadata):
        description = (kind.extra_json_schema or {}).get("description", "")
        extra, kind = kind.extra or {}, kind.type
    kind = _inner(kind)
    flags: tuple[str, ...] = ()
    if not extra.get("positional"):
        flags = (extra.get("name") or "--" + field.name.replace("_", "-"),)
        if extra.get("flag"):
            flags = (extra["flag"], *flags)
    return _Argument(field=field, kind=kind, flags=flags, description=description)


def _inner(kind: mi.Type) -> mi.Type:
    """The type that is left without None and metadata."""
    if isinstance(kind, mi.UnionType):
        kind = next(t for t in kind.types if not isinstance(t, mi.NoneType))
    return _inner(kind.type) if isinstance(kind, mi.Metadata) else kind


def _many(kind: mi.Type) -> bool:
    return isinstance(kind, (mi.VarTupleType, mi.ListType))


def _add(parser: argparse.ArgumentParser, argument: _Argument) -> None:
    field, options = argument.field, _help(argument)
    if isinstance(argument.kind, mi.BoolType):
        action = argparse.BooleanOptionalAction if default_of(field) is True else "store_true"
        parser.add_argument(*argument.flags, dest=field.name, action=action, default=None, **options)
        return
    options["metavar"] = _metavar(argument)
    if argument.flags:
        if _many(argument.kind):
            options["action"] = "append"
        parser.add_argument(*argument.flags, dest=field.name, required=field.required, **options)
    elif _many(argument.kind):
        parser.add_argument(field.name, nargs="+" if field.required else "*", default=None, **options)
    else:
        parser.add_argument(field.name, nargs=None if field.required else "?", **options)


def _help(argument: _Argument) -> dict[str, Any]:
    default = default_of(argument.field)
    shown = isinstance(default, (str, int, float)) and not isinstance(default, bool) and default != ""
    text = argument.description + (f" (default: {default})" if shown else "")
    return {"help": text.replace("%", "%%")}


def _metavar(argument: _Argument) -> str:
    kind = argument.kind.item_type if isinstance(argument.kind, (mi.VarTupleType, mi.ListType)) else argument.kind
    kind = _inner(kind)
    if isinstance(kind, mi.LiteralType):
        return "{" + ",".join(map(str, kind.values)) + "}"
    if isinstance(kind, mi.EnumType):
        return "{" + ",".join(str(member.value) for member in kind.cls) + "}"
    if not argument.flags:
        return argument.field.name.upper()
    if argument.label == "--set":
        return "KEY=VALUE"
    return "N" if isinstance(kind, (mi.IntType, mi.FloatType)) else argument.field.name.upper().split("_")[-1]


def _typed(written: Any, argument: _Argument) -> Any:
    """The value of an argument, checked by the same rules as the pipeline file."""
    if isinstance(written, bool):
        return written
    if isinstance(written, list):
        assert isinstance(argument.kind, (mi.VarTupleType, mi.ListType))
        return [_one(text, _inner(argument.kind.item_type), argument) for text in written]
    return _one(written, argument.kind, argument)


def _one(text: str, kind: mi.Type, argument: _Argument) -> Any:
    value: Any = text
    if isinstance(kind, mi.IntType):
        value = _number(text, int)
    elif isinstance(kind, mi.FloatType):
        value = _number(text, float)
    source = Source(argument.label, text)
    node = Node("scalar", source, 1, 1, 1, len(text) + 1, value=value, text=text, flow=True)
    checker = Checker()
    field_type = argument.field.type
    checker.value(node, kind if _many(argument.kind) else field_type, argument.label, NODEFAULT)
    for error in checker.errors:
        raise SpecError(error.message, code="usage.arguments", hint=error.hint, subject=argument.label)
    return value


def _number(text: str, kind: type) -> Any:
    try:
        number = kind(text)
    except ValueError:
        return text
    return number if number - number == 0 else text
