"""Mend what can be mended safely: an edit is kept only if the file still parses, the finding is gone, and no other
came. What a person should decide is shown as a diff."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from modelwright.checks.code import loading
from modelwright.checks.code.editing import CannotEditError, Document
from modelwright.checks.code.finding_models import FileReview, Reported
from modelwright.checks.code.moving import moved_below_the_split
from modelwright.checks.code.nouns import Edit, Kind, Source
from modelwright.checks.code.reviewing import Reviewer

_MOST = 1_000  # fixes of one file


@dataclass(frozen=True, slots=True)
class Mended:
    """What --fix has done to one file, or why it has not."""

    subject: str
    code: str
    text: str
    reason: str = ""  # why it was not kept


@dataclass(frozen=True, slots=True)
class FixedFile:
    data: bytes
    changed: bool
    mended: tuple[Mended, ...]
    refused: tuple[Mended, ...]


@dataclass(frozen=True, slots=True)
class Suggestion:
    subject: str
    code: str
    text: str
    diff: str


def fix(data: bytes, review: FileReview, reviewer: Reviewer, path: Path) -> FixedFile:
    """Apply the safe fixes of one file in memory, one after another, each proved by a new review."""
    notebook = review.source.kind is Kind.NOTEBOOK
    mended: list[Mended] = []
    refused: dict[tuple[object, ...], Mended] = {}
    try:
        document = Document.of(data, notebook=notebook)
    except CannotEditError as error:
        return FixedFile(data, False, (), tuple(_told(each, str(error)) for each in _safe(review)))
    for _ in range(_MOST):
        todo = next((each for each in _safe(review) if _key(each) not in refused), None)
        if todo is None:
            break
        try:
            new, after = _tried(document, todo, review, reviewer, path)
        except CannotEditError as error:
            refused[_key(todo)] = _told(todo, str(error))
            continue
        document, review = new, after
        mended.append(_told(todo))
    return FixedFile(document.data(), bool(mended), tuple(mended), tuple(refused.values()))


def suggest(data: bytes, review: FileReview, reviewer: Reviewer, path: Path) -> list[Suggestion]:
    """The fixes that need a person, each as a diff of its own against the file as it is.

    A step moved below the split is shown only if a new review no longer has the finding."""
    found = []
    for each in review.findings:
        repair = each.finding.fix or moved_below_the_split(each, review.source)
        if repair is None or repair.safe:
            continue
        try:
            document = Document.of(data, notebook=review.source.kind is Kind.NOTEBOOK)
            if each.finding.fix is None:
                told = replace(each, finding=msgspec.structs.replace(each.finding, fix=repair))
                new, _ = _tried(document, told, review, reviewer, path)
            else:
                _same_text(document, review.source, repair.edits)
                new = document.edited(repair.edits)
        except CannotEditError:
            continue
        found.append(Suggestion(each.subject, each.code, repair.text, _diff(document, new, repair.edits, review.path)))
    return found


def _tried(
    document: Document, todo: Reported, before: FileReview, reviewer: Reviewer, path: Path
) -> tuple[Document, FileReview]:
    repair = todo.finding.fix
    assert repair is not None
    _same_text(document, before.source, repair.edits)
    new = document.edited(repair.edits)
    text, _ = loading.decode(new.data())
    if text is None:
        raise CannotEditError("the file does not read any more")
    try:
        source = loading.from_text(text, before.path)
    except ValueError as error:
        raise CannotEditError("the file does not parse any more") from error
    if len(source.problems) > len(before.source.problems) or _unparsed(source) > _unparsed(before.source):
        raise CannotEditError("the file does not parse any more")
    after = reviewer.source(source, *reviewer.surroundings(path))
    was, now = _counted(before), _counted(after)
    if now[todo.code] >= was[todo.code]:
        raise CannotEditError("the finding is still there")
    more = [code for code in now if now[code] > was[code]]
    if more:
        raise CannotEditError(f"it would bring {', '.join(sorted(more))}")
    return new, after


def _safe(review: FileReview) -> list[Reported]:
    return [each for each in review.findings if each.finding.fix is not None and each.finding.fix.safe]


def _unparsed(source: Source) -> int:
    return sum(not cell.parsed for cell in source.cells)


def _counted(review: FileReview) -> Counter[str]:
    return Counter(each.code for each in (*review.findings, *review.undecided))


def _key(each: Reported) -> tuple[object, ...]:
    assert each.finding.fix is not None
    return each.code, each.finding.function, each.finding.statement, tuple(e.text for e in each.finding.fix.edits)


def _told(each: Reported, reason: str = "") -> Mended:
    repair = each.finding.fix
    return Mended(each.subject, each.code, (repair.text if repair else "") or each.info.fix, reason)


def _same_text(document: Document, source: Source, edits: tuple[Edit, ...]) -> None:
    """The rules saw lines without magics and without Python 2; only lines that stand so in the file may change."""
    seen = source.text.split("\n")
    first = {cell.number: cell.first for cell in source.cells}
    for edit in edits:
        shift = first.get(edit.cell, 1) - 1 if edit.cell is not None else 0
        lines = document.lines(edit.cell)
        for line in range(edit.line, min(edit.end_line, len(lines)) + 1):
            at = line + shift - 1
            if at >= len(seen) or line > len(lines) or seen[at] != lines[line - 1].rstrip("\r\n"):
                raise CannotEditError("the line stands otherwise in the file")


def _diff(old: Document, new: Document, edits: tuple[Edit, ...], path: str) -> str:
    parts: list[str] = []
    for cell in sorted({edit.cell for edit in edits}, key=lambda number: number or 0):
        name = path if cell is None else f"{path} cell {cell}"
        before = [line.rstrip("\r\n") for line in old.lines(cell)]
        after = [line.rstrip("\r\n") for line in new.lines(cell)]
        parts += difflib.unified_diff(before, after, f"a/{name}", f"b/{name}", lineterm="")
    return "\n".join(parts) + "\n"
