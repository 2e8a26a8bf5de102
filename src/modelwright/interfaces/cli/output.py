"""Standard output and standard error: one JSON object, safe text on any terminal, quiet on a broken pipe."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Iterator
from typing import IO, Any


def safe_streams() -> None:
    """A character that the terminal cannot show becomes an escape instead of an exception."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def use_color(stream: IO[str], *, no_color: bool) -> bool:
    """Colour on a terminal only, and never against NO_COLOR."""
    if no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


@contextlib.contextmanager
def stdout_to_stderr() -> Iterator[IO[str]]:
    """Whatever a library prints goes to standard error, native code included, so that stdout stays ours; the stream
    that this yields still leads to it."""
    sys.stdout.flush()
    ours = sys.stdout
    with contextlib.ExitStack() as stack:
        try:
            real = sys.stdout.fileno() == 1 and sys.stderr.fileno() == 2
        except (OSError, ValueError, AttributeError):
            real = False
        if real:
            saved = os.dup(1)
            os.dup2(2, 1)
            stack.callback(os.close, saved)
            stack.callback(os.dup2, saved, 1)
            stack.callback(sys.stdout.flush)
            ours = stack.enter_context(open(saved, "w", closefd=False, errors="backslashreplace"))
        else:
            stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        yield ours


def plain(value: Any) -> Any:
    """A result as JSON values; NaN and infinity, which JSON cannot say, become null."""
    import msgspec

    return _finite(msgspec.to_builtins(value, str_keys=True, enc_hook=_encode))


def _encode(value: Any) -> Any:
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return value.tolist()
    return str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def print_json(value: Any) -> None:
    """Exactly one JSON object and a newline, in ASCII, so that any pipe can carry it."""
    import json

    sys.stdout.write(json.dumps(value, ensure_ascii=True, allow_nan=False) + "\n")
    sys.stdout.flush()


def silence_broken_pipe() -> None:
    """The reader went away: leave without a word, also from the interpreter's own flush at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
