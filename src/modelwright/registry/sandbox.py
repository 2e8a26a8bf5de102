"""Starts the probe and turns whatever becomes of it into one sentence."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Self

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
    arguments = [str(folder.absolute()), digest, str(_memory(size_bytes)), str(cpu_s), *sorted(hooks)]
    command, environment, home = _how(hooks)
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module, no shell
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            env=environment,
            cwd=home,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _late(timeout_s) from error
    if done.returncode != 0:
        raise refused("probe", f"a probe that loaded it {_death(done.returncode)}")
    _raise_refusal(done.stdout)


class WaitingProbe:
    """A probe that starts before there is anything to load, so that its imports take nobody's time, and loads one
    bundle after the other. For bundles of one's own making: what the first does to it, the next has to live with."""

    def __init__(self, hooks: Collection[str] = ()) -> None:
        self._hooks = sorted(hooks)
        command, environment, home = _how(hooks)
        self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=home,
        )
        self._asked = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child.returncode is None:
            self._child.kill()
            self._child.communicate()

    def ask(self, folder: Path, digest: str) -> None:
        """Have this bundle loaded; returns at once."""
        assert self._child.stdin is not None
        size_bytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        order = [str(folder.absolute()), digest, str(_memory(size_bytes)), str(CPU_S), *self._hooks]
        with contextlib.suppress(BrokenPipeError):  # a child that died is told of by its answers
            self._child.stdin.write(json.dumps(order).encode() + b"\n")
            self._child.stdin.flush()
        self._asked += 1

    def conclude(self, timeout_s: float = TIMEOUT_S) -> None:
        """Wait for all answers. Raises ModelError as `probe` does, for the first bundle that was refused."""
        try:
            out, _ = self._child.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise _late(timeout_s) from error
        answers = out.splitlines()
        for answer in answers:
            _raise_refusal(answer)
        if len(answers) < self._asked or self._child.returncode != 0:
            raise refused("probe", f"a probe that loaded it {_death(self._child.returncode)}")


def _how(hooks: Collection[str]) -> tuple[list[str], dict[str, str], Path | None]:
    """Command, environment and working directory of a probe."""
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", "LC_ALL": "C.UTF-8"}
    return [sys.executable, "-I", "-m", "modelwright.registry.probe"], environment, hooks_home() if hooks else None


def _memory(size_bytes: int) -> int:
    return BASE_MEMORY_BYTES + 8 * size_bytes


def _late(timeout_s: float) -> ModelError:
    return refused("probe", f"a probe that loaded it did not end within {timeout_s:.0f} s")


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
