"""What code review speaks of: sources, places, steps and roles."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from modelwright.core.nouns import Noun, Severity


class Kind(StrEnum):
    MODULE = "module"
    NOTEBOOK = "notebook"
    SCRIPT_CELLS = "cells"  # a module divided by `# %%`


class Role(StrEnum):
    """What a file is for; rules about absence ask first."""

    TRAINING = "training"  # fits and judges models
    SERVING = "serving"  # answers requests
    NOTEBOOK = "notebook"  # explores; may train too, then TRAINING wins
    LIBRARY = "library"  # defines, and does nothing when imported
    TEST = "test"
    CONFIG = "config"
    OTHER = "other"


class Confidence(StrEnum):
    """Apart from severity: how the finding is known. Only a proved flow may be critical."""

    PROVED = "proved flow"
    LIKELY = "likely"
    PATTERN = "pattern"


class Place(Noun, frozen=True, kw_only=True):
    """Where something stands, 1-based. In a notebook `cell` counts code cells and `line` counts within the cell."""

    path: str  # relative to where the review was asked for, with `/`
    line: int
    column: int = 1
    end_line: int | None = None
    end_column: int | None = None
    cell: int | None = None


class Step(Noun, frozen=True, kw_only=True):
    """One stop on the way from where something was learned to where it was judged."""

    text: str  # `learned here: scaler.fit_transform(X)`, `split here: ...`, `judged here: ...`
    place: Place
    source: str = ""  # the line as it stands


class Edit(Noun, frozen=True, kw_only=True):
    """Characters from (line, column) to (end_line, end_column), 1-based, end excluded, become `text`."""

    line: int
    column: int
    end_line: int
    end_column: int
    text: str
    cell: int | None = None


class Fix(Noun, frozen=True, kw_only=True):
    """`safe` ones are applied by --fix; the others are shown by --suggest."""

    edits: tuple[Edit, ...]
    safe: bool
    text: str = ""  # what it does, as a sentence


class CodeFinding(Noun, frozen=True, kw_only=True):
    """One answer of one rule about one place."""

    code: str  # LK101
    place: Place
    message: str  # one plain sentence about this very code
    confidence: Confidence
    severity: Severity | None = None  # None: the rule's own
    steps: tuple[Step, ...] = ()
    fix: Fix | None = None
    function: str = ""  # where it stands: `` at the top, else `train` or `Trainer.fit`
    statement: str = ""  # normalised (`ast.unparse`), for fingerprints
    undecided: bool = False  # could not judge; never counts as clean


class RuleInfo(Noun, frozen=True, kw_only=True):
    """What the documentation says of one code."""

    code: str
    name: str  # `scaler-before-split`
    severity: Severity
    why: str
    fix: str
    source: str  # paper, documentation or thread
    default: bool = True  # noisy advice is off by default
    #: the whole file gets one finding with a count
    per_file: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    number: int  # 1-based among code cells
    text: str  # as the person wrote it
    first: int  # line of its first line in the joined text, 1-based
    parsed: bool
    why: str = ""  # why it was not parsed
    execution_count: int | None = None
    outputs: tuple[str, ...] = ()
    json_line: int = 1  # where the cell begins in the notebook file


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was read and parsed; cells that do not parse are blank in `text`, and named in `cells`."""

    path: str
    kind: Kind
    text: str  # joined, magics blanked; line numbers of `tree` are those of this text
    tree: ast.Module
    cells: tuple[Cell, ...] = ()
    notes: tuple[str, ...] = ()  # what was done to it: `2 shell lines left out`
    problems: tuple[tuple[int, str], ...] = ()  # (line of `text`, why) of each part that could not be parsed

    @property
    def lines(self) -> Sequence[str]:
        return self.text.splitlines()

    def place(self, node: ast.AST) -> Place:
        """Where a node stands, in its cell where there are cells."""
        line = getattr(node, "lineno", 1)
        cell = self.cell_at(line)
        shift = cell.first - 1 if cell else 0
        end = getattr(node, "end_lineno", None)
        end_column = getattr(node, "end_col_offset", None)
        return Place(
            path=self.path,
            line=line - shift,
            column=getattr(node, "col_offset", 0) + 1,
            end_line=None if end is None else end - shift,
            end_column=None if end_column is None else end_column + 1,
            cell=None if cell is None else cell.number,
        )

    def cell_at(self, line: int) -> Cell | None:
        found = None
        for cell in self.cells:
            if cell.first <= line:
                found = cell
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeExample:
    """A rule's own proof: a text that must fire with `codes`, or must stay silent where there are none."""

    text: str
    codes: tuple[str, ...] = ()
    name: str = ""
