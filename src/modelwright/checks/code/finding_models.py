"""What a review of code hands back: findings with their rule and fingerprint, per file, and what was left out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from modelwright.checks.code.nouns import CodeFinding, Confidence, Place, Role, RuleInfo, Source
from modelwright.core.nouns import Level, Noun, Severity

#: one or more kinds of line end; `str.splitlines` would also cut at form feeds, where Python does not
_LINE_END = re.compile(r"\r\n|\r|\n")
#: a cell or line that does not parse
_ONE_PART = "NB903"
_LEVELS = {Confidence.PROVED: Level.HIGH, Confidence.LIKELY: Level.MEDIUM, Confidence.PATTERN: Level.LOW}


class Skipped(Noun, frozen=True, kw_only=True):
    """A file that was not reviewed, and why."""

    path: str
    reason: str
    #: a folder that is left out by habit, in contrast to a file that could not be read
    expected: bool = False


class Ignored(Noun, frozen=True, kw_only=True):
    """A finding that somebody has answered for."""

    code: str
    subject: str
    message: str
    reason: str
    by: str  # `comment` | `baseline` | `before` (not brought by the change)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A finding as it is shown."""

    finding: CodeFinding
    info: RuleInfo
    severity: Severity
    fingerprint: str
    source_line: str = ""
    #: 1-based line of the file as it lies on disk; differs from the place's in notebooks
    file_line: int = 1
    #: the same for each step
    step_lines: tuple[int, ...] = ()

    @property
    def code(self) -> str:
        return self.info.code

    @property
    def proved(self) -> bool:
        return self.finding.confidence is Confidence.PROVED

    @property
    def level(self) -> Level:
        return _LEVELS[self.finding.confidence]

    @property
    def subject(self) -> str:
        return subject(self.finding.place)

    @property
    def key(self) -> tuple[str, str]:
        """What a baseline knows it by."""
        return self.finding.place.path, self.fingerprint

    def order(self) -> tuple[object, ...]:
        place = self.finding.place
        known = list(_LEVELS).index(self.finding.confidence)
        return (-self.severity.rank, known, place.cell or 0, place.line, place.column, self.code, self.finding.message)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReview:
    """One file that was read."""

    source: Source
    role: Role
    findings: tuple[Reported, ...] = ()
    undecided: tuple[Reported, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    #: 1-based lines of the text, for changes
    lines: Sequence[str] = field(default_factory=tuple)

    @property
    def path(self) -> str:
        return self.source.path

    @property
    def could_not_judge(self) -> bool:
        """Nothing stands against it, and a question that matters was not answered; one cell that does not parse is told
        and leaves the others judged."""
        whole = any(each.code != _ONE_PART for each in self.undecided) or not self.source.tree.body
        return bool(self.undecided) and whole and not self.findings


def subject(place: Place) -> str:
    """`train.py:12`, or `eda.ipynb:cell 3:line 2`."""
    return f"{place.path}:{place.line}" if place.cell is None else f"{place.path}:cell {place.cell}:line {place.line}"


def lines_of(text: str) -> list[str]:
    """The lines as Python counts them."""
    return _LINE_END.split(text)


def in_characters(line: str, column: int) -> int:
    """A 1-based column in bytes of UTF-8, as `ast` counts, as one in characters."""
    if line.isascii():
        return column
    return len(line.encode("utf-8", "surrogatepass")[: column - 1].decode("utf-8", "ignore")) + 1
