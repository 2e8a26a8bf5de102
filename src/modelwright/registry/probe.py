"""The disposable child that loads a bundle before anyone relies on it: `python -I -m modelwright.registry.probe`.

Native libraries parse model files in C++; a hostile file can crash or hang them. Here only this process dies.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any, TextIO


def main(arguments: list[str]) -> int:
    """Arguments: folder, manifest digest, memory in bytes, processor seconds, allowed hooks. Prints one JSON object.

    Without any, what loading needs is imported, and each line of standard input is a JSON list of such arguments, with
    one line for an answer; the limits are those of the first.
    """
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries that print must not garble the answer
    if arguments:
        _answer(answer, arguments, limited=False)
        return 0
    import polars  # noqa: F401 - with the next line what takes a second, before there is anything to load

    from modelwright.registry import bundle  # noqa: F401

    for number, line in enumerate(sys.stdin):
        _answer(answer, json.loads(line), limited=number > 0)
    return 0


def _answer(answer: TextIO, arguments: list[str], *, limited: bool) -> None:
    folder, digest, memory_bytes, cpu_s, *hooks = arguments
    if not limited:
        _limit(int(memory_bytes), int(cpu_s))
    answer.write(json.dumps(_try(Path(folder), digest, hooks)) + "\n")
    answer.flush()


def _try(folder: Path, digest: str, hooks: list[str]) -> dict[str, Any]:
    from modelwright.core.errors import ModelwrightError

    try:
        from modelwright.registry import bundle

        bundle.load(folder, probe=False, expected=digest, hooks=hooks)
    except ModelwrightError as error:
        return {"ok": False, "error": error.as_dict()}
    except MemoryError:
        return {"ok": False, "error": {"code": "bundle.memory", "message": "it needs more memory than a probe may use"}}
    except Exception as error:  # noqa: BLE001 - whatever a hostile file provokes ends as one sentence
        return {
            "ok": False,
            "error": {"code": "bundle.probe", "message": f"{type(error).__name__}: {str(error)[:200]}"},
        }
    return {"ok": True}


def _limit(memory_bytes: int, cpu_s: int) -> None:
    """Memory, processor time, written files and core dumps; where the system has no such limit, the rest holds."""
    import resource

    for kind, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, value))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
