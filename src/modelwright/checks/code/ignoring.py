"""`# mw: ignore[LK101] reason`: a person answers for a finding, in the code, with a reason."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from modelwright.checks.code.finding_models import lines_of
from modelwright.checks.code.nouns import CodeFinding, Confidence, Place, RuleInfo, Source
from modelwright.core.errors import nearest
from modelwright.core.nouns import Severity

_MARK = re.compile(r"#\s*mw:\s*ignore\b(?:\[(?P<codes>[^\]]*)\])?(?P<reason>.*)")
_LEAST_REASON = 3  # letters

_SOURCE = "an exception that nobody can explain later is a finding that nobody sees"
INFOS = (
    RuleInfo(
        code="IG001",
        name="ignore-without-reason",
        severity=Severity.LOW,
        why="An exception without a reason cannot be judged later, so it does not count.",
        fix="write why after the bracket: `# mw: ignore[LK101] the scaler is fixed by the sensor's data sheet`",
        source=_SOURCE,
    ),
    RuleInfo(
        code="IG002",
        name="unused-ignore",
        severity=Severity.LOW,
        why="The finding that this comment answers for is not there any more; left alone it would hide the next one.",
        fix="remove the comment",
        source=_SOURCE,
    ),
    RuleInfo(
        code="IG003",
        name="unknown-code-in-ignore",
        severity=Severity.LOW,
        why="The comment names no rule, or one that does not exist, so it answers for nothing.",
        fix="name the code in brackets: `# mw: ignore[LK101] reason`",
        source=_SOURCE,
    ),
)


@dataclass(frozen=True, slots=True)
class Comment:
    """One ignore comment; lines are those of the whole text."""

    line: int
    column: int  # bytes, 1-based
    codes: tuple[str, ...]
    reason: str
    own_line: bool
    text: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What is left, what was answered for, and what is wrong with the comments themselves."""

    kept: tuple[CodeFinding, ...]
    ignored: tuple[tuple[CodeFinding, str], ...]
    about_comments: tuple[CodeFinding, ...]


def answer(source: Source, findings: Sequence[CodeFinding], known: Iterable[str], active: frozenset[str]) -> Answered:
    """Apply the comments of a file. A comment counts on any line of the finding's statement, or alone on the lines
    right above it; `active` are the codes whose rules were run, so that no comment for another counts as unused."""
    found = comments(source.text)
    if not found:
        return Answered(tuple(findings), (), ())
    spans = _Spans(source.tree)
    kept, ignored, used = [], [], set()
    lines = {id(each): spans.reach(_joined(source, each.place)) for each in findings}
    known = frozenset(known)
    for finding in findings:
        first, last = lines[id(finding)]
        comment = _for(finding, found, first, last)
        if comment is None:
            kept.append(finding)
        else:
            used.add((comment, finding.code))
            ignored.append((finding, comment.reason))
    told = [said for comment in found for said in _about(source, comment, used, known, active)]
    return Answered(tuple(kept), tuple(ignored), tuple(told))


def comments(text: str) -> tuple[Comment, ...]:
    """Every ignore comment, in the order of the text; what stands inside strings is none."""
    if "mw:" not in text:
        return ()
    candidates = {number for number, line in enumerate(lines_of(text), 1) if _MARK.search(line)}
    return tuple(_read(token) for token in _tokens(text, candidates)) if candidates else ()


def _tokens(text: str, candidates: set[int]) -> Iterator[tokenize.TokenInfo]:
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT and token.start[0] in candidates and _MARK.match(token.string):
                yield token
    except (tokenize.TokenError, SyntaxError, ValueError):
        return


def _read(token: tokenize.TokenInfo) -> Comment:
    match = _MARK.match(token.string)
    assert match is not None
    codes = tuple(part.strip().upper() for part in (match["codes"] or "").split(",") if part.strip())
    before = token.line[: token.start[1]]
    return Comment(
        line=token.start[0],
        column=len(before.encode("utf-8", "replace")) + 1,
        codes=codes,
        reason=match["reason"].strip().lstrip(":-— ").strip(),
        own_line=not before.strip(),
        text=token.string,
    )


def _for(finding: CodeFinding, found: Sequence[Comment], first: int, last: int) -> Comment | None:
    above = first - 1
    while any(comment.own_line and comment.line == above for comment in found):
        above -= 1
    for comment in found:
        near = first <= comment.line <= last or (comment.own_line and above < comment.line < first)
        if near and finding.code in comment.codes and _explained(comment):
            return comment
    return None


def _explained(comment: Comment) -> bool:
    return sum(letter.isalpha() for letter in comment.reason) >= _LEAST_REASON


def _about(
    source: Source,
    comment: Comment,
    used: set[tuple[Comment, str]],
    known: frozenset[str],
    active: frozenset[str],
) -> Iterator[CodeFinding]:
    if not comment.codes:
        yield _said(source, comment, "IG003", "This comment names no code, so it answers for nothing.")
        return
    if not _explained(comment):
        said = f"This comment gives no reason for ignoring {', '.join(comment.codes)}, so it does not count."
        yield _said(source, comment, "IG001", said)
        return
    for code in comment.codes:
        if code not in known:
            close = nearest(code, known)
            meant = f"; did you mean {close.upper()}?" if close else "."
            yield _said(source, comment, "IG003", f"There is no rule {code}{meant}")
        elif code in active and (comment, code) not in used:
            yield _said(source, comment, "IG002", f"Nothing here is found by {code} any more.")


def _said(source: Source, comment: Comment, code: str, message: str) -> CodeFinding:
    cell = source.cell_at(comment.line)
    shift = cell.first - 1 if cell else 0
    place = Place(
        path=source.path,
        line=comment.line - shift,
        column=comment.column,
        cell=None if cell is None else cell.number,
    )
    return CodeFinding(code=code, place=place, message=message, confidence=Confidence.LIKELY, statement=comment.text)


def _joined(source: Source, place: Place) -> int:
    """The line of a place in the joined text."""
    for cell in source.cells:
        if cell.number == place.cell:
            return cell.first + place.line - 1
    return place.line


class _Spans:
    """From which line to which a simple statement reaches; of a compound one only its head."""

    def __init__(self, tree: ast.Module) -> None:
        self._reach: dict[int, tuple[int, int]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.stmt):
                first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
                last = node.end_lineno or node.lineno
                body = getattr(node, "body", None)
                if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
                    last = max(node.lineno, min(one.lineno for one in body) - 1)
                for line in range(first, last + 1):
                    self._reach.setdefault(line, (first, last))

    def reach(self, line: int) -> tuple[int, int]:
        return self._reach.get(line, (line, line))
