"""The process that seals what the workers have logged, kept alive beside them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from modelwright.records.segments import segment_folder
from modelwright.spec.serving import ServingSpec

_PAUSE_S = 5.0


class Sealing:
    """It may die and come back without anybody noticing: what it has not sealed lies where it was written."""

    def __init__(self, workspace: Path, specs: Mapping[str, ServingSpec]) -> None:
        self._workspace, self._specs = workspace, specs
        self._folder = workspace / "log" / "predictions"
        self._process: subprocess.Popen[bytes] | None = None
        self._next = 0.0

    def keep(self, now: float) -> None:
        """Start it where it does not run, at most once in a while."""
        if now < self._next or (self._process is not None and self._process.poll() is None):
            return
        from modelwright.lifecycle.prediction_log import sealer_command

        self._next = time.monotonic() + _PAUSE_S
        days = {name: spec.log.retention_days for name, spec in self._specs.items()}
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
            sealer_command(self._workspace, days), stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno(), close_fds=True
        )

    def waiting_bytes(self) -> int:
        """What lies in segments; they are taken away once they are sealed."""
        with contextlib.suppress(OSError), os.scandir(segment_folder(self._folder)) as found:
            return sum(file.stat().st_size for file in found)
        return 0

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_PAUSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
