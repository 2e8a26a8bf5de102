"""A review of code for a terminal: grouped by file, the gravest first, each with its steps and source lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelwright.documents.code_review_parts import Result, by_file, not_judged, tally, where

_STYLES = {
    "critical": "1;31", "high": "31", "medium": "33", "low": "36", "info": "2",
    "APPROVE": "1;32", "CONDITIONAL": "1;33", "NEEDS REWORK": "1;31", "could not judge": "35",
    "bold": "1", "dim": "2",
}  # fmt: skip
_LINE = 160  # characters of a source line that are shown
_LISTED = 20


def text(result: Result, *, color: bool = False) -> str:
    """The whole review; control characters of the reviewed files become escapes."""
    paint = _paint if color else _plain
    return "\n".join(_lines(result, paint)) + "\n"


def _lines(result: Result, paint: Any) -> Iterator[str]:
    verdict = result["verdict"]
    yield f"{paint(verdict, verdict)}  {tally(result)}, confidence {result['confidence']}"
    for reason in result["reasons"]:
        yield f"  - {clean(reason)}"
    words = {each["path"]: each for each in result["files"]["read"]}
    for path, found in by_file(result["findings"]):
        told = words.get(path, {})
        yield ""
        word = told.get("verdict", "")
        yield f"{paint(clean(path), 'bold')}  {told.get('role', '')}, {paint(word, word)}"
        for each in found:
            yield from _finding(each, paint)
    yield from _not_judged(result, paint)
    yield from _ignored(result, paint)
    yield from _mended(result, paint)
    for name, place in (result.get("paths") or {}).items():
        yield ""
        yield f"{name}: {clean(place)}"


def _finding(each: Mapping[str, Any], paint: Any) -> Iterator[str]:
    seen = each["evidence"]
    grade = paint(f"{each['severity']:<8}", each["severity"])
    yield f"  {where(seen):<8} {grade} {paint(each['code'], 'bold')} {seen['name']}  {paint(seen['confidence'], 'dim')}"
    yield f"      {clean(each['message'])}"
    if seen["steps"]:
        width = max(len(_short(step, seen)) for step in seen["steps"])
        for number, step in enumerate(seen["steps"], 1):
            source = paint(clean(_cut(step["source"].strip())), "dim")
            yield f"      {number}. {_short(step, seen):<{width}}  {clean(step['text'])}"
            if step["source"].strip() and step["source"].strip() not in step["text"]:
                yield f"         {' ' * width}| {source}"
    elif seen["source_line"].strip():
        yield f"      {paint('| ' + clean(_cut(seen['source_line'].strip())), 'dim')}"
    repair = "--fix mends it: " if seen["fix"] and seen["fix"]["safe"] else ""
    yield f"      {paint('fix:', 'bold')} {repair}{clean(each['advice'])}"


def _short(step: Mapping[str, Any], seen: Mapping[str, Any]) -> str:
    """A place without the path where it is the same file."""
    return where(step) if step["path"] == seen["path"] else clean(step["subject"])


def _not_judged(result: Result, paint: Any) -> Iterator[str]:
    open_ = not_judged(result)
    if open_:
        yield ""
        yield paint("Not judged: silence here means nothing", "bold")
        for told in open_[:_LISTED]:
            yield f"  {clean(told['subject'])}: {clean(told['message'])}"
        if len(open_) > _LISTED:
            yield f"  and {len(open_) - _LISTED} more (--json lists them)"


def _ignored(result: Result, paint: Any) -> Iterator[str]:
    answered = [each for each in result["ignored"] if each["by"] == "comment"]
    known = len(result["ignored"]) - len(answered)
    if answered:
        yield ""
        yield paint("Answered for by a comment", "bold")
        for each in answered[:_LISTED]:
            yield f"  {clean(each['subject'])}: {each['code']} {clean(each['reason'])}"
    if known:
        yield ""
        yield f"{known} finding{'' if known == 1 else 's'} known before, not counted"


def _mended(result: Result, paint: Any) -> Iterator[str]:
    for title, key in (("Mended", "fixed"), ("Not mended", "not_fixed")):
        if result.get(key):
            yield ""
            yield paint(title, "bold")
            for each in result[key]:
                why = f": {each['reason']}" if each.get("reason") else ""
                yield f"  {clean(each['subject'])}: {each['code']} {clean(each['text'])}{clean(why)}"
    for each in result.get("suggestions") or []:
        yield ""
        yield paint(f"Suggested for {clean(each['subject'])} ({each['code']}): {clean(each['text'])}", "bold")
        for line in each["diff"].splitlines():
            yield paint(clean(line), {"+": "32", "-": "31"}.get(line[:1], "2"))


def clean(value: str) -> str:
    """Text that cannot move the cursor or colour the terminal: the files are somebody else's."""
    if value.isprintable():
        return value
    return "".join(c if c.isprintable() else " " if c in "\t\n" else f"\\x{ord(c):02x}" for c in value)


def _cut(line: str) -> str:
    return line if len(line) <= _LINE else line[: _LINE - 3] + "..."


def _paint(words: str, style: str) -> str:
    code = _STYLES.get(style, style if style[:1].isdigit() else "")
    return f"\x1b[{code}m{words}\x1b[0m" if code else words


def _plain(words: str, _style: str) -> str:
    return words
