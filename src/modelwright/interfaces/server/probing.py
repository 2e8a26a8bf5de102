"""Verify and probe a bundle in a forked child, and remember that it passed, so that a restart needs no probe.

The child has imported everything already, so a probe takes as long as the loading of the bundle.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelwright.core.errors import ModelError, ModelwrightError
from modelwright.registry.manifest import digest_of_manifest, refused
from modelwright.registry.remembered import Remembered

_TIMEOUT_S = 120.0
_CPU_S = 90
_MEMORY_BYTES = 6 << 30  # address space, as for any probe


class Probes:
    """The probes of one workspace."""

    def __init__(self, workspace: Path, hooks: Sequence[str] = ()) -> None:
        self.memory = Remembered(workspace, hooks)
        self._hooks = sorted(hooks)
        self._running: dict[int, _Probe] = {}

    def passed(self, folder: Path) -> bool:
        """Whether exactly this bundle passed with exactly these libraries."""
        return self.memory.holds(digest_of(folder))

    def begin(self, folder: Path) -> _Probe:
        """Start a probe; `_Probe.done` says when and how it ends."""
        digest = digest_of(folder)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        readable, writable = os.pipe()
        pid = os.fork()
        if pid == 0:
            _child(folder, digest, size, self._hooks, writable)
        os.close(writable)
        return _Probe(self, digest, pid, readable)

    def check(self, folder: Path) -> str:
        """Probe unless it passed before, and wait for it; returns the digest. Raises ModelError (`bundle.*`)."""
        digest = digest_of(folder)
        if not self.passed(folder):
            probe = self.begin(folder)
            while not probe.done(0.2):
                pass
        return digest


class _Probe:
    def __init__(self, probes: Probes, digest: str, pid: int, readable: int) -> None:
        self.probes, self.digest, self.pid = probes, digest, pid
        self._readable, self._answer = readable, b""
        self._ends = time.monotonic() + _TIMEOUT_S

    def done(self, wait_s: float) -> bool:
        """Wait a little. True once it has passed; raises ModelError (`bundle.*`) once it has not."""
        if time.monotonic() > self._ends:
            self.stop()
            raise refused("probe", f"a probe that loaded it did not end within {_TIMEOUT_S:.0f} s")
        if select.select([self._readable], [], [], wait_s)[0]:
            chunk = os.read(self._readable, 65_536)
            self._answer += chunk
            if not chunk:
                self._judge()
                return True
        return False

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        os.close(self._readable)

    def _judge(self) -> None:
        os.close(self._readable)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if code != 0:
            how = f"ended with status {code}" if code > 0 else f"crashed ({signal.Signals(-code).name})"
            raise refused("probe", f"a probe that loaded it {how}")
        try:
            answer: dict[str, Any] = json.loads(self._answer)
            error = answer.get("error")
        except (ValueError, AttributeError) as problem:
            raise refused("probe", "a probe that loaded it gave no answer") from problem
        if answer.get("ok") is not True:
            error = error or {}
            raise ModelError(
                str(error.get("message", "A probe could not load it.")),
                code=str(error.get("code", "bundle.probe")),
                hint=str(error.get("hint", "")),
                subject=str(error.get("subject", "bundle")),
            )
        self.probes.memory.add(self.digest)


def digest_of(folder: Path) -> str:
    """Raises ModelError where there is no manifest."""
    try:
        return digest_of_manifest((folder / "manifest.json").read_bytes())
    except OSError as error:
        raise refused("missing_file", "the file manifest.json is missing", "manifest.json") from error


def _child(folder: Path, digest: str, size: int, hooks: Sequence[str], writable: int) -> None:
    """Never returns. Whatever happens here ends only this process."""
    code = 1
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        from modelwright.registry import probe

        os.dup2(writable, 1)
        limit = str(_MEMORY_BYTES + 8 * size)
        code = probe.main([str(folder.absolute()), digest, limit, str(_CPU_S), *hooks])
    except ModelwrightError:
        code = 1
    finally:
        os._exit(code)
