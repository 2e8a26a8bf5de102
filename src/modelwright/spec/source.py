"""A parsed file that remembers where everything stands: sources, nodes and located errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from modelwright.core.errors import Fix, SpecError

Kind = Literal["scalar", "map", "list"]


@dataclass(frozen=True, slots=True)
class Source:
    """One text and its name for people: a file name, or `--set a.b=c`."""

    name: str
    text: str
    lines: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lines", tuple(self.text.split("\n")))

    def line(self, number: int) -> str:
        """The text of a 1-based line, empty past the end."""
        return self.lines[number - 1].rstrip("\r") if 0 < number <= len(self.lines) else ""


@dataclass(slots=True, eq=False)
class Node:
    """A scalar, map or list with its place; lines and columns are 1-based, the end column is exclusive."""

    kind: Kind
    source: Source
    line: int
    column: int
    end_line: int
    end_column: int
    value: Any = None  # scalars: str, int, float, bool or None
    text: str = ""  # scalars: as written, without quotes
    quoted: bool = False
    flow: bool = False  # written with brackets or braces, or inside of them
    entries: list[Entry] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)

    def get(self, key: str) -> Entry | None:
        """The entry of a map, or None."""
        return next((entry for entry in self.entries if entry.name == key), None)

    def plain(self) -> Any:
        """The value as builtin objects."""
        if self.kind == "map":
            return {entry.name: entry.node.plain() for entry in self.entries}
        if self.kind == "list":
            return [item.plain() for item in self.items]
        return self.value

    def describe(self) -> str:
        """What a person would call this value: `a list`, `the text 'no'`, `nothing`."""
        if self.kind == "map":
            return "a section of keys"
        if self.kind == "list":
            return "a list"
        if self.value is None:
            return "nothing"
        if isinstance(self.value, bool):
            return f"the switch {self.text}"
        if isinstance(self.value, (int, float)):
            return f"the number {shorten(self.text)}"
        return f"the text '{shorten(self.text)}'"


@dataclass(slots=True, eq=False)
class Entry:
    """One key of a map with its value."""

    key: Node
    node: Node

    @property
    def name(self) -> str:
        return self.key.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """How to put something right: a sentence, and the edit where it is mechanical."""

    hint: str
    fix: Fix | None = None


def shorten(text: str, limit: int = 60) -> str:
    """Keep a message readable when the value is not."""
    return text if len(text) <= limit else text[: limit - 3] + "..."


def error_at(node: Node, message: str, advice: Advice, *, code: str = "spec.invalid", subject: str = "") -> SpecError:
    """A SpecError that points at the beginning of a node."""
    return error_in(node.source, (node.line, node.column), message, advice, code=code, subject=subject)


def error_in(
    source: Source,
    place: tuple[int, int],
    message: str,
    advice: Advice,
    *,
    code: str = "spec.syntax",
    subject: str = "",
) -> SpecError:
    """A SpecError at a 1-based line and column of a source."""
    line, column = place
    return SpecError(
        message,
        code=code,
        hint=advice.hint,
        subject=subject,
        file=source.name,
        line=line,
        column=column,
        source_line=source.line(line),
        fix=advice.fix,
    )
