"""JSON as RFC 8259 has it, and nothing else: the slow, careful reading of a request, for when the quick one objects.

Refused besides broken syntax: NaN and Infinity, numbers too large for a float, duplicate keys, invalid UTF-8, a byte
order mark, lone surrogates, nesting deeper than a cap.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from modelwright.serving.asking import Refused

_SURROGATE = re.compile("[\ud800-\udfff]")
#: strings are skipped as a whole, so that only brackets of the structure are counted
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
_LONGEST_NUMBER = 400  # digits; a float needs 17, and Python's own reader of integers takes quadratic time


def parse(body: bytes | memoryview, max_depth: int) -> Any:
    """The values of a JSON text; whole numbers stay int. Raises Refused (`request.json`)."""
    content = bytes(body)
    _check_depth(content, max_depth)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise refused(f"byte {error.start} is not UTF-8") from error
    try:
        found = json.loads(
            text, object_pairs_hook=_pairs, parse_constant=_no_constant, parse_float=_finite, parse_int=_whole
        )
    except json.JSONDecodeError as error:
        raise refused(f"{error.msg.lower()} at character {error.pos}") from error
    except RecursionError as error:
        raise refused("it is nested too deep") from error
    if "\\u" in text and _lone_surrogate(found):
        raise refused("a text holds half of a surrogate pair")
    return found


def refused(why: str) -> Refused:
    return Refused(
        f"The request is not valid JSON: {why}.", code="request.json", hint="send strict JSON (RFC 8259) in UTF-8"
    )


def _check_depth(content: bytes, most: int) -> None:
    if content.count(b"[") + content.count(b"{") <= most:
        return
    depth = 0
    for match in _BRACKETS.finditer(content):
        mark = match.group()
        if mark in (b"[", b"{"):
            depth += 1
            if depth > most:
                raise refused(f"it is nested deeper than {most} levels")
        elif mark in (b"]", b"}"):
            depth -= 1


def _pairs(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise refused(f"the key {twice[:60]!r} is there twice")
    return found


def _no_constant(name: str) -> Any:
    raise refused(f"{name} is no JSON number")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise refused(f"the number {digits[:30]} is too large")
    return value


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else _finite(digits)


def _lone_surrogate(value: Any) -> bool:
    if isinstance(value, str):
        return _SURROGATE.search(value) is not None
    if isinstance(value, dict):
        return any(_lone_surrogate(name) or _lone_surrogate(each) for name, each in value.items())
    return isinstance(value, list) and any(map(_lone_surrogate, value))
