"""Starts the probe and turns whatever becomes of it into one sentence."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from modelwright.core.errors import ModelError
from modelwright.registry.manifest import refused
from modelwright.spec.hooks import home as hooks_home

#: address space, of which the libraries alone map about 3 GB
BASE_MEMORY_BYTES = 6 << 30
TIMEOUT_S = 120.0
CPU_S = 90
_PASSED_ON = ("MODELWRIGHT_PLUGINS", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")


def probe(
    folder: Path,
    digest: str,
    size_bytes: int,
    *,
    timeout_s: float = TIMEOUT_S,
    cpu_s: int = CPU_S,
    hooks: Collection[str] = (),
) -> None:
    """Load the bundle in a child with limits. Raises ModelError (`bundle.probe` or the child's own reason)."""
    memory_bytes = BASE_MEMORY_BYTES + 8 * size_bytes
    command = [sys.executable, "-I", "-m", "modelwright.registry.probe", str(folder.absolute()), digest]
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module, no shell
            [*command, str(memory_bytes), str(cpu_s), *sorted(hooks)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            env=environment,
            cwd=hooks_home() if hooks else None,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise refused("probe", f"a probe that loaded it did not end within {timeout_s:.0f} s") from error
    if done.returncode != 0:
        raise refused("probe", f"a probe that loaded it {_death(done.returncode)}")
    _raise_refusal(done.stdout)


def _death(code: int) -> str:
    if code >= 0:
        return f"ended with status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return {"SIGXCPU": "used up its processor time", "SIGKILL": "was killed (processor time or memory)"}.get(
        name, f"crashed ({name})"
    )


def _raise_refusal(stdout: bytes) -> None:
    try:
        answer = json.loads(stdout)
        if answer["ok"] is True:
            return
        error = answer["error"]
        message, code = str(error["message"]), str(error["code"])
    except (ValueError, KeyError, TypeError) as problem:
        raise refused("probe", "a probe that loaded it gave no answer") from problem
    if not code.startswith(("bundle.", "hook.", "features.custom")) or code in ("bundle.probe", "bundle.memory"):
        raise refused("probe", f"a probe could not load it: {message.rstrip('.')}")
    raise ModelError(message, code=code, hint=str(error.get("hint", "")), subject=str(error.get("subject", "")))
