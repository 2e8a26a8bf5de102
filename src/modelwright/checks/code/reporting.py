"""From what rules say to what is shown: severity, sentence, lines as the person wrote them, and once only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from modelwright.checks.code import loading
from modelwright.checks.code.cells_in_json import code_cells
from modelwright.checks.code.finding_models import FileReview, Reported, lines_of
from modelwright.checks.code.fingerprints import fingerprints
from modelwright.checks.code.nouns import CodeFinding, Confidence, Kind, Place, RuleInfo, Source
from modelwright.core.nouns import Severity

#: families about scores that somebody will believe; nobody believes those of a unit test
_ABOUT_SCORES = ("LK", "EV")


def idle_in_a_test(each: Reported) -> bool:
    return each.code.startswith(_ABOUT_SCORES) and (each.severity is Severity.INFO or each.finding.undecided)


def in_a_test(each: Reported) -> Reported:
    """A leak in a unit test is worth knowing and misleads nobody."""
    grave = each.code.startswith(_ABOUT_SCORES) and each.severity.rank > Severity.LOW.rank
    return replace(each, severity=Severity.LOW) if grave else each


def report(
    source: Source, found: Sequence[CodeFinding], known: Mapping[str, RuleInfo], unknown: RuleInfo
) -> tuple[Reported, ...]:
    """In the order given; `unknown` stands for a code that no rule has."""
    shown = _Shown(source)
    names = fingerprints(found)
    made = []
    for each, name in zip(found, names, strict=True):
        info = known.get(each.code, unknown)
        line, file_line = shown.line(each.place)
        made.append(
            Reported(
                finding=_with_lines(each, shown),
                info=info,
                severity=_severity(each, info),
                fingerprint=name,
                source_line=line,
                file_line=file_line,
                step_lines=tuple(shown.line(step.place)[1] for step in each.steps),
            )
        )
    return tuple(made)


def at_home(review: FileReview, path: Path) -> FileReview:
    """The lines of findings in a notebook's file, exactly: the loader knows only where its cells begin."""
    if review.source.kind is not Kind.NOTEBOOK or not (review.findings or review.undecided):
        return review
    try:
        text, _ = loading.decode(path.read_bytes())
        cells = code_cells(text or "")
    except (OSError, ValueError):
        return review

    def line(place: Place, known: int) -> int:
        if place.cell is None or not 0 < place.cell <= len(cells):
            return known
        lines = cells[place.cell - 1].lines
        return lines[place.line - 1] if 0 < place.line <= len(lines) else known

    def moved(each: Reported) -> Reported:
        steps = zip(each.finding.steps, each.step_lines, strict=True)
        return replace(
            each,
            file_line=line(each.finding.place, each.file_line),
            step_lines=tuple(line(step.place, known) for step, known in steps),
        )

    return replace(
        review,
        findings=tuple(moved(each) for each in review.findings),
        undecided=tuple(moved(each) for each in review.undecided),
    )


def _severity(found: CodeFinding, info: RuleInfo) -> Severity:
    """Only a proved flow may be critical; what could not be judged weighs nothing."""
    if found.undecided:
        return Severity.INFO
    severity = found.severity or info.severity
    return Severity.HIGH if severity is Severity.CRITICAL and found.confidence is not Confidence.PROVED else severity


#: words that a sentence may begin with; a name of the code keeps its case
_FIRST_WORDS = frozenset({"the", "a", "an", "this", "these", "it", "no", "one", "each", "all", "two", "both", "only"})


def _sentence(text: str) -> str:
    first, _, _ = text.partition(" ")
    text = text[:1].upper() + text[1:] if first in _FIRST_WORDS else text
    return text if text.endswith((".", "?", "!", ".)")) else f"{text}."


def _with_lines(found: CodeFinding, shown: _Shown) -> CodeFinding:
    """A message that ends as a sentence does, and steps with their lines."""
    found = msgspec.structs.replace(found, message=_sentence(found.message))
    if all(step.source for step in found.steps):
        return found
    steps = tuple(
        step if step.source else msgspec.structs.replace(step, source=shown.line(step.place)[0].strip())
        for step in found.steps
    )
    return msgspec.structs.replace(found, steps=steps)


class _Shown:
    """The lines of a source as the person wrote them."""

    def __init__(self, source: Source) -> None:
        self._cells = {cell.number: (lines_of(cell.text), cell.json_line) for cell in source.cells}
        self._lines = lines_of(source.text)

    def line(self, place: Place) -> tuple[str, int]:
        """The text, and the 1-based line in the file on disk."""
        lines, first = self._lines, 0
        if place.cell is not None and place.cell in self._cells:
            lines, start = self._cells[place.cell]
            first = start - 1
        text = lines[place.line - 1] if 0 < place.line <= len(lines) else ""
        return text, first + place.line


def per_file(found: list[CodeFinding], known: Mapping[str, RuleInfo]) -> list[CodeFinding]:
    """Of a rule that speaks once per file, the first finding with the number of the others."""
    kept: list[CodeFinding] = []
    by_code: dict[str, list[CodeFinding]] = {}
    for each in found:
        if known[each.code].per_file and not each.undecided:
            by_code.setdefault(each.code, []).append(each)
        else:
            kept.append(each)
    for same in by_code.values():
        first = min(same, key=lambda each: (each.place.cell or 0, each.place.line, each.place.column))
        more = len(same) - 1
        said = f"{first.message} ({more} more place{'s' * (more > 1)} in this file.)" if more else first.message
        kept.append(msgspec.structs.replace(first, message=said))
    return kept


def once(found: Iterable[CodeFinding]) -> Iterator[CodeFinding]:
    seen = set()
    for each in found:
        place = each.place
        key = (each.code, place.cell, place.line, place.column, each.undecided, each.message)
        if key not in seen:
            seen.add(key)
            yield each
