"""Exit codes: what a script learns without reading any text."""

from __future__ import annotations

import errno
from typing import Any

from modelwright.core.errors import DataError, ModelwrightError, NotFoundError, SpecError

OK = 0  # done; APPROVE or CONDITIONAL where there is a verdict
FAILED = 1  # anything that is nobody's mistake in the file or the data
MISTAKE = 2  # a mistake in the file, the data or the command
NEEDS_REWORK = 3  # done, and the verdict says no, or a gate that was asked for failed
INTERRUPTED = 130  # Ctrl-C

_MISTAKES = (SpecError, DataError, NotFoundError)
#: errors of other classes that the caller can put right
_MISTAKE_CODES = frozenset({"workspace.busy", "init.exists", "disk.full", "bundle.missing_column", "bundle.input"})
_MISTAKE_PREFIXES = ("store.", "source.", "data.", "read.")


def of_error(error: BaseException) -> int:
    """The exit code of an error."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, _MISTAKES):
        return MISTAKE
    if isinstance(error, ModelwrightError) and (
        error.code in _MISTAKE_CODES or error.code.startswith(_MISTAKE_PREFIXES)
    ):
        return MISTAKE
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return MISTAKE
    return FAILED


def of_result(result: Any) -> int:
    """The exit code of what an operation returned, as builtins."""
    if not isinstance(result, dict):
        return OK
    if result.get("verdict") == "NEEDS REWORK" or result.get("gate") == "failed":
        return NEEDS_REWORK
    if result.get("status") == "interrupted":
        return INTERRUPTED
    return FAILED if result.get("ok") is False else OK
