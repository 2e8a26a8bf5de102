"""The prediction log of a workspace: reading it, late labels, and the side process that seals it.

    modelwright.lifecycle.prediction_log.read(workspace, "churn", since=...)   # a polars.LazyFrame
    python -m modelwright.lifecycle.prediction_log WORKSPACE                   # the sealer, until SIGTERM

The sealer is a program of its own because turning rows into Parquet inside a server's process takes its interpreter
away for 20 ms at a time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.clock import Clock, SystemClock, timestamp
from modelwright.core.errors import ModelwrightError

if TYPE_CHECKING:
    import polars as pl

_STATUS = "sealer.json"
_EVERY_S, _HOUR_S = 2.0, 3_600.0


def log_folder(workspace: Path) -> Path:
    return workspace / "log" / "predictions"


# ---------------------------------------------------------------- reading


def read(
    workspace: Path,
    model: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    columns: Sequence[str] | None = None,
    *,
    version: int | None = None,
    verify: bool = True,
    distinct: bool = True,
) -> pl.LazyFrame:
    """One row per predicted row, from `since` on and before `until`, the newest included. Times without a zone are
    UTC. Without `verify` the checksums are not read. With `distinct` a request id that a caller sent twice counts
    once per model version; it costs more than all the rest of a query over a day of millions of rows.

    Raises AdapterError (`log.damaged`) naming the first file that is not what was sealed.
    """
    from modelwright.records.reading import Window, predictions

    window = Window(model=model, version=version, since=since, until=until)
    return predictions(log_folder(workspace), window, columns=columns, verify=verify, distinct=distinct)


def labels(workspace: Path, since: datetime | None = None, *, verify: bool = True) -> pl.LazyFrame:
    """Late labels, one per request and row: the one that arrived last, among those that arrived from `since` on."""
    from modelwright.records import reading

    return reading.labels(log_folder(workspace), since=since, verify=verify)


def joined(
    workspace: Path,
    model: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    columns: Sequence[str] | None = None,
    **options: Any,
) -> pl.LazyFrame:
    """Predictions with what really happened beside them: null where no label has come yet."""
    rows = read(workspace, model, since, until, **options)
    both = rows.join(labels(workspace, verify=options.get("verify", True)), on=["request_id", "row"], how="left")
    return both if columns is None else both.select(columns)


def files(
    workspace: Path, model: str | None = None, since: datetime | None = None, until: datetime | None = None
) -> list[Path]:
    """The sealed files that can hold such predictions, for tools of your own: only these, never a pattern over the
    folder, which would also find files that are being written or were replaced."""
    from modelwright.records.manifest import PREDICTIONS
    from modelwright.records.reading import Window, snapshot

    folder, window = log_folder(workspace), Window(model=model, since=since, until=until)
    found = snapshot(folder, segments=False).files
    return [folder / file.path for file in found if file.kind == PREDICTIONS and window.holds(file)]


# ---------------------------------------------------------------- sealing


def sealer_command(workspace: Path, retention_days: Mapping[str, int] | None = None) -> list[str]:
    """The command of the sealer, for a supervisor to start and to end by SIGTERM; it also ends with its parent.
    `retention_days` by model name, `*` for any other; what is not named is kept."""
    retention = [f"--retain={name}={days}" for name, days in sorted((retention_days or {}).items())]
    return [sys.executable, "-m", "modelwright.lifecycle.prediction_log", str(workspace), *retention]


class Sealer:
    """Rounds of sealing, with compaction and retention every hour. A failed round is told in `sealer.json` and tried
    again: nothing of the log is lost by waiting."""

    def __init__(self, workspace: Path, retention_days: Mapping[str, int], clock: Clock) -> None:
        self._folder = log_folder(workspace)
        self._retention = dict(retention_days)
        self._clock = clock
        self._kept_s: float | None = None
        self._tidy = True  # after a start or a failure there may be files that no manifest names
        self._status: dict[str, Any] = {"pid": os.getpid(), "rounds": 0, "rows": 0, "failures": 0, "last_error": None}

    def round(self) -> bool:
        """Returns whether it went well."""
        from modelwright.records.sealing import seal

        try:
            done = seal(self._folder, self._now_us(), tidy=self._tidy)
            self._keep()
        except (ModelwrightError, OSError) as error:
            self._tidy = True
            self._tell(failures=self._status["failures"] + 1, last_error=str(error))
            return False
        self._tidy = False
        self._tell(
            rows=self._status["rows"] + done.rows,
            last_success=timestamp(self._clock.now()),
            rounds=self._status["rounds"] + 1,
        )
        return True

    def _keep(self) -> None:
        from modelwright.records.keeping import compact, retain

        now_s = self._clock.monotonic_s()
        if self._kept_s is not None and now_s - self._kept_s < _HOUR_S:
            return
        if not self._folder.is_dir():
            return
        compact(self._folder, self._now_us())
        if self._retention:
            retain(self._folder, self._now_us(), self._retention)
        self._kept_s = now_s

    def _now_us(self) -> int:
        return int(self._clock.now().timestamp() * 1_000_000)

    def _tell(self, **values: Any) -> None:
        self._status.update(values, at=timestamp(self._clock.now()))
        if self._folder.is_dir():
            temporary = self._folder / f".{_STATUS}.{os.getpid()}"
            with contextlib.suppress(OSError):  # a full disk is told by the next round that can
                temporary.write_bytes(msgspec.json.encode(self._status))
                temporary.replace(self._folder / _STATUS)


def sealer_status(workspace: Path) -> dict[str, Any] | None:
    """What the sealer last said of itself, or None."""
    try:
        return dict(msgspec.json.decode((log_folder(workspace) / _STATUS).read_bytes()))
    except (OSError, msgspec.DecodeError):
        return None


def main(arguments: Sequence[str]) -> int:
    """WORKSPACE [--every=SECONDS] [--retain=MODEL=DAYS ...]: seal until SIGTERM or until the parent is gone; then once
    more. What `sealer_command` gives is all that is understood."""
    workspace, *options = arguments
    given = [option.removeprefix("--").partition("=")[::2] for option in options]
    every_s = next((float(value) for name, value in given if name == "every"), _EVERY_S)
    retention = {
        model: int(days) for model, _, days in (value.rpartition("=") for name, value in given if name == "retain")
    }
    stop, parent = threading.Event(), os.getppid()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    os.nice(5)  # the server's requests come first
    sealer = Sealer(Path(workspace), retention, SystemClock())
    _until(stop, lambda: os.getppid() != parent, sealer, every_s)
    return 0 if sealer.round() else 1


def _until(stop: threading.Event, orphaned: Callable[[], bool], sealer: Sealer, every_s: float) -> None:
    while not orphaned():
        sealer.round()
        if stop.wait(every_s):
            return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
