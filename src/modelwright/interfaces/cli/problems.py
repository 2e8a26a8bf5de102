"""Errors for people: one sentence, the place with a caret, the fix. No traceback, unless one asks."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from modelwright.core.errors import ModelwrightError, SpecError

_SHOWN = 10


def as_error(error: BaseException, workspace: Path | None) -> ModelwrightError:
    """Any exception as one of ours. An unexpected one is written to an incident file and named by its number."""
    if isinstance(error, ModelwrightError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return ModelwrightError(
            "Stopped.", code="interrupted", hint="run the same command again; what was finished is not done twice"
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ModelwrightError(
            f"The disk that holds {error.filename or workspace or 'the workspace'} is full.",
            code="disk.full",
            hint="make room, or use --workspace with a folder on another disk",
        )
    if isinstance(error, MemoryError):
        return ModelwrightError(
            "There is not enough memory for this.",
            code="memory.full",
            hint="lower data.sample_rate or training.workers, or use a larger machine",
        )
    return _incident(error, workspace)


def _incident(error: BaseException, workspace: Path | None) -> ModelwrightError:
    number = os.urandom(4).hex()
    where = _write_incident(number, error, workspace)
    place = f"the details are in {where}" if where else "set MODELWRIGHT_DEBUG=1 to see the details"
    result = ModelwrightError(
        f"Something went wrong that should not have ({type(error).__name__}, incident {number}).",
        code="internal",
        hint=f"{place}; please report it with that text",
        subject=f"incident:{number}",
    )
    result.__cause__ = error
    return result


def _write_incident(number: str, error: BaseException, workspace: Path | None) -> Path | None:
    if workspace is None:
        return None
    import traceback

    path = workspace / "incidents" / f"{number}.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return None
    return path


def for_people(error: ModelwrightError, *, color: bool) -> str:
    """The text on standard error."""
    found = [error, *(error.others if isinstance(error, SpecError) else ())]
    parts = [_one(each, color=color) for each in found[:_SHOWN]]
    if len(found) > 1:
        more = f"{len(found)} mistakes" + (f", the first {_SHOWN} shown" if len(found) > _SHOWN else "")
        parts.append(f"{more}.")
    if os.environ.get("MODELWRIGHT_DEBUG"):
        import traceback

        parts.append("".join(traceback.format_exception(error)))
    return "\n".join(parts) + "\n"


def _one(error: ModelwrightError, *, color: bool) -> str:
    red, cyan, bold, off = ("\x1b[31m", "\x1b[36m", "\x1b[1m", "\x1b[0m") if color else ("", "", "", "")
    lines = [f"{bold}{red}error:{off} {bold}{printable(error.message)}{off}"]
    if isinstance(error, SpecError) and error.file:
        place = ":".join(str(part) for part in (error.file, error.line, error.column) if part is not None)
        lines.append(f"  {cyan}-->{off} {printable(place)}")
        caret = error.caret()
        if caret:
            lines += [f"{cyan}{printable(line)}{off}" for line in narrowed(caret)]
    if error.hint:
        lines.append(f"  {bold}fix:{off} {printable(error.hint)}")
    return "\n".join(lines)


def narrowed(caret: str, width: int = 110) -> list[str]:
    """A long source line cut around its caret."""
    text, mark = caret.split("\n", 1)
    at = len(mark) - 1
    if len(text) <= width:
        return [text, mark]
    start = max(0, at - width // 2)
    cut = ("..." if start else "") + text[start : start + width] + "..."
    return [cut, " " * (at - start + (3 if start else 0)) + "^"]


def printable(text: str) -> str:
    """Text that cannot move the cursor or colour the terminal: file contents are somebody else's."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)


def as_json(error: ModelwrightError) -> dict[str, Any]:
    """What `--json` prints."""
    return {"error": error.as_dict()}
