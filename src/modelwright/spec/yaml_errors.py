"""Say in plain words what a YAML parser could not read, and how to put it right."""

from __future__ import annotations

import re
from typing import Any

from modelwright.core.errors import Fix, SpecError
from modelwright.spec.fixes import close_quote
from modelwright.spec.source import Advice, Source, error_in, shorten


def explain(error: Any, source: Source) -> SpecError:
    """Turn a parser's exception into a located SpecError with a fix."""
    problem = str(getattr(error, "problem", "") or "")
    context = str(getattr(error, "context", "") or "")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    opened = getattr(error, "context_mark", None) or mark
    if mark is None or opened is None:
        return error_in(source, (1, 1), "The file is not YAML.", Advice(hint="start again from `modelwright init`"))
    here, there = (mark.line + 1, mark.column + 1), (opened.line + 1, opened.column + 1)
    if "\\t" in problem or _tab_before(source, here[0]):
        return _tab(source, here)
    if "quoted scalar" in context and "escape" in problem:
        return _escape(source, here)
    if "quoted scalar" in context:
        return _unclosed_quote(source, there)
    if "flow sequence" in context or "flow mapping" in context or "flow node" in context:
        return _unclosed_bracket(source, there, here)
    if "cannot start any token" in problem or "alias" in context or "anchor" in context or "tag" in context:
        return _needs_quotes(source, here)
    if "mapping values are not allowed" in problem:
        return _second_colon(source, here)
    if "could not find expected ':'" in problem:
        return _no_colon(source, there)
    return _misfit(source, here, there)


def _content(source: Source, line: int) -> int:
    """The nearest line at or above that says something; errors at the end of the text point there."""
    number = min(line, len(source.lines))
    while number > 1 and not source.line(number).strip():
        number -= 1
    return number


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def _tab_before(source: Source, line: int) -> bool:
    text = source.line(line)
    return "\t" in text[: _indent(text)]


def _tab(source: Source, here: tuple[int, int]) -> SpecError:
    line = here[0]
    text = source.line(line)
    column = text.index("\t") + 1 if "\t" in text else here[1]
    body = text.lstrip()
    lead = text[: len(text) - len(body)]
    fixed = " " * _sibling_indent(source, line, lead) + body.replace("\t", " ")
    advice = Advice(hint=f"use spaces: `{fixed}`", fix=Fix(line, line, fixed))
    return error_in(source, (line, column), "There is a tab here; YAML allows only spaces.", advice, code="spec.tab")


def _sibling_indent(source: Source, line: int, lead: str) -> int:
    """The indentation of the line's neighbours: below a section its children, else as the line above."""
    if not lead:
        return 0
    number = line - 1
    while number >= 1:
        text = source.line(number)
        if text.strip() and not text.lstrip().startswith("#") and "\t" not in text[: _indent(text)]:
            return _indent(text) + (2 if text.split("#")[0].rstrip().endswith(":") else 0)
        number -= 1
    return len(lead.expandtabs(2))


def _escape(source: Source, here: tuple[int, int]) -> SpecError:
    line = source.line(here[0])
    fixed = re.sub(r'"([^"]*)"', lambda m: "'" + m.group(1).replace("'", "''") + "'", line)
    advice = Advice(
        hint=f"use single quotes, which keep \\ as it is: `{fixed.strip()}`", fix=Fix(here[0], here[0], fixed)
    )
    return error_in(source, here, "A backslash in double quotes starts an escape, and this is none.", advice)


def _unclosed_quote(source: Source, there: tuple[int, int]) -> SpecError:
    line = source.line(there[0])
    mark = line[there[1] - 1 : there[1]] or '"'
    fixed = close_quote(line, mark)
    advice = Advice(hint=f"close it: `{fixed.strip()}`", fix=Fix(there[0], there[0], fixed))
    return error_in(source, there, f"The text that opens with {mark} here is never closed.", advice)


def _unclosed_bracket(source: Source, there: tuple[int, int], here: tuple[int, int]) -> SpecError:
    text = source.line(there[0])
    mark = text[there[1] - 1 : there[1]]
    if mark not in ("[", "{"):
        position = max(text.rfind("[", 0, there[1]), text.rfind("{", 0, there[1]))
        there, mark = (there[0], position + 1 if position >= 0 else there[1]), text[position] if position >= 0 else "["
    closer = "]" if mark == "[" else "}"
    stray = text[here[1] - 1 : here[1]]
    if here[0] == there[0] and stray in ("]", "}") and stray != closer:
        before, after = text[: here[1] - 1], text[here[1] - 1 :]
        opener = "[" if stray == "]" else "{"
        # a bracket of the other kind closes nothing that is open: it was meant to close this one
        fixed = before + closer + (after if before.count(opener) > before.count(stray) else after[1:])
        advice = Advice(hint=f"close it: `{shorten(fixed.strip(), 200)}`", fix=Fix(there[0], there[0], fixed))
        return error_in(source, there, f"The {mark} that opens here is never closed.", advice)
    if here[0] == there[0] and closer in text[here[1] - 1 :]:
        advice = Advice(hint=f"put a comma between the entries, and quote texts that hold any of , {mark} {closer} :")
        return error_in(source, here, f"Something is wrong between the {mark} and the {closer}.", advice)
    body, comment = text.rstrip(), ""
    if " #" in body:
        body, comment = body[: body.index(" #")].rstrip(), body[body.index(" #") :]
    fixed = body.rstrip(",") + closer + comment
    advice = Advice(hint=f"close it: `{shorten(fixed.strip(), 200)}`", fix=Fix(there[0], there[0], fixed))
    return error_in(source, there, f"The {mark} that opens here is never closed.", advice)


def _needs_quotes(source: Source, here: tuple[int, int]) -> SpecError:
    line = source.line(here[0])
    found = re.match(r"^(\s*(?:- )?(?:[\w.-]+:\s+)?)(.*?)(\s+#.*)?$", line)
    assert found is not None  # the pattern matches every line
    fixed = f"{found.group(1)}{_quoted(found.group(2))}{found.group(3) or ''}"
    advice = Advice(hint=f"put the text in quotes: `{fixed.strip()}`", fix=Fix(here[0], here[0], fixed))
    character = line[here[1] - 1 : here[1]] or line.strip()[:1]
    return error_in(source, here, f"A text cannot start like this ('{character}') without quotes.", advice)


def _quoted(text: str) -> str:
    return "'" + text.strip().strip("'\"").replace("'", "''") + "'"


def _second_colon(source: Source, here: tuple[int, int]) -> SpecError:
    line, number = source.line(here[0]), here[0]
    found = re.match(r"^(\s*(?:- )?[\w.-]+:\s+)(.*?)(\s+#.*)?$", line)
    if found and ":" in found.group(2):
        fixed = f"{found.group(1)}{_quoted(found.group(2))}{found.group(3) or ''}"
        advice = Advice(hint=f"put the text in quotes: `{fixed.strip()}`", fix=Fix(number, number, fixed))
        return error_in(source, here, "There is a second colon on this line.", advice)
    above = _content(source, number - 1)
    lead = _indent(source.line(above))
    if not re.search(r":(\s|$)", source.line(above)):
        return _no_colon(source, (above, lead + 1))
    fixed = " " * lead + line.lstrip()
    advice = Advice(hint=f"indent it like the line above: `{fixed}`", fix=Fix(number, number, fixed))
    message = f"This line is indented deeper than line {above}, which already has its value."
    return error_in(source, (number, _indent(line) + 1), message, advice, code="spec.indentation")


def _no_colon(source: Source, there: tuple[int, int]) -> SpecError:
    line = source.line(there[0])
    words = line.strip().split(None, 1)
    lead = " " * _indent(line)
    name = words[0].rstrip("=:") if words else "key"
    rest = words[1].lstrip("= ") if len(words) > 1 else ""
    if "=" in name:
        name, rest = name.split("=", 1)
    elif ":" in name:
        name, value = name.split(":", 1)
        rest = f"{value} {rest}".strip()
    fixed = f"{lead}{name}: {rest}".rstrip()
    advice = Advice(hint=f"write `{fixed.strip()}`", fix=Fix(there[0], there[0], fixed))
    return error_in(source, there, "This line has no `: ` between a name and a value.", advice)


def _misfit(source: Source, here: tuple[int, int], there: tuple[int, int]) -> SpecError:
    number = _content(source, here[0])
    line = source.line(number)
    lead = _indent(line)
    wanted = _nearest_level(source, number, lead, there)
    first = _too_deep_above(source, number, lead)
    if first is not None:
        return _block_too_deep(source, first, number)
    fixed = " " * wanted + line.lstrip()
    if wanted == lead:
        hint = "check the quotes and brackets on this line and on the one above"
        return error_in(source, (number, lead + 1), "This line does not fit the lines above it.", Advice(hint=hint))
    advice = Advice(hint=f"indent it by {wanted}: `{fixed}`", fix=Fix(number, number, fixed))
    message = f"This line's indentation ({lead}) fits none of the lines above it."
    return error_in(source, (number, lead + 1), message, advice, code="spec.indentation")


def _too_deep_above(source: Source, number: int, lead: int) -> int | None:
    """The first line of a run, right below its section's name, that stands deeper than this line and those after
    it; None when this line is the odd one, which the majority decides."""
    first = number - 1
    while first > 1 and (_indent(source.line(first)) > lead or not source.line(first).strip()):
        first -= 1
    above = [line for line in source.lines[first : number - 1] if line.strip()]
    below = [line for line in source.lines[number - 1 :] if line.strip()]
    same = 0
    for line in below:
        if _indent(line) < lead:
            break
        same += _indent(line) == lead
    named = source.line(first).split("#")[0].rstrip().endswith(":")
    return first + 1 if named and above and same > len(above) else None


def _block_too_deep(source: Source, first: int, number: int) -> SpecError:
    """This line stands where it belongs; the lines between its section and it do not."""
    last = _content(source, number - 1)
    lead = _indent(source.line(number))
    cut = _indent(source.line(first)) - lead
    moved = [line[cut:] if line[:cut].isspace() else line for line in source.lines[first - 1 : last]]
    which = f"line {first}" if first == last else f"lines {first} to {last}"
    hint = f"indent {which} like line {number}: `{moved[0].rstrip()}`"
    advice = Advice(hint=hint, fix=Fix(first, last, "\n".join(moved)))
    message = f"This line is indented deeper than line {number}, which belongs to the same section."
    return error_in(source, (first, _indent(source.line(first)) + 1), message, advice, code="spec.indentation")


def _nearest_level(source: Source, number: int, lead: int, there: tuple[int, int]) -> int:
    """The indentation in use above that is closest to this line's, the deeper one first."""
    levels = {there[1] - 1}
    for line in range(number - 1, 0, -1):
        text = source.line(line)
        if text.strip() and not text.lstrip().startswith("#"):
            levels.add(_indent(text))
            if _indent(text) == 0:
                break
    return min(levels, key=lambda level: (abs(level - lead), -level))
