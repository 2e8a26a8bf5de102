"""This process's connection to a Ray cluster: an existing one, or one of its own on this machine."""

from __future__ import annotations

import atexit
import contextlib
import gc
import logging
import re
import shutil
import signal
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelwright.core.errors import AdapterError
from modelwright.training.capacity import cores
from modelwright.training.executing import WorkersOrder

#: a local Ray gives its own helpers 15 s to start (ray-project/ray#65983), too short on a busy machine: so many tries
_STARTS = 3
_OBJECTS_BYTES = 128 << 20
#: longest folder in which Ray's sockets still fit into 107 characters
_LONGEST_FOLDER = 30


@dataclass(slots=True, kw_only=True)
class Connection:
    """This process's connection to a cluster: made when first needed, ended with the last that uses it."""

    users: int = 0
    ours: bool = False  # whether it was made here, and not by the program around us
    folder: Path | None = None  # files of a Ray that was started here

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        self.users += 1
        try:
            yield
        finally:
            self.release()

    def release(self) -> None:
        self.users -= 1
        if not self.users:
            self.end()

    def end(self) -> None:
        if self.ours:
            import ray

            with _signals_kept(), warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)  # it lets go of its processes without waiting
                ray.shutdown()
                gc.collect()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.ours, self.folder = False, None

    def make(self, order: WorkersOrder) -> None:
        import ray

        if ray.is_initialized():
            return
        _silence()
        said = {"log_to_driver": False, "logging_level": logging.CRITICAL, "configure_logging": True}
        if order.spec.address is not None:
            try:
                with _signals_kept():
                    ray.init(address=order.spec.address, **said)
            except Exception as error:
                raise _unreachable(order.spec.address, error) from error
            self.ours = True
            return
        for attempt in range(_STARTS):
            try:
                self._start(said, order.spec.workers or order.workers or cores())
            except Exception as error:
                self.end()
                if attempt == _STARTS - 1:
                    raise _not_started(error) from error
            else:
                return

    def _start(self, said: Mapping[str, Any], n_cpus: int) -> None:
        import ray

        where = tempfile.gettempdir() if len(tempfile.gettempdir()) <= _LONGEST_FOLDER else "/tmp"  # noqa: S108
        self.folder = Path(tempfile.mkdtemp(prefix="mw-ray-", dir=where))
        self.ours = True
        with _signals_kept():
            ray.init(
                num_cpus=n_cpus,
                include_dashboard=False,
                object_store_memory=_OBJECTS_BYTES,
                _temp_dir=str(self.folder),
                _node_ip_address="127.0.0.1",
                **said,
            )


CONNECTION = Connection()


def _silence() -> None:
    """Ray prints what happens to its workers on standard output, where our answers go, and has no setting for it; the
    same is in its logs, and what concerns a unit is in that unit's outcome."""
    from ray._private import worker

    if hasattr(worker, "print_to_stdstream"):
        worker.print_to_stdstream = lambda *_args, **_more: None


def _unreachable(address: str, error: Exception) -> AdapterError:
    return AdapterError(
        f"The Ray cluster at '{address}' cannot be reached: {last_line(error)}",
        code="ray.unreachable",
        hint="check execution.address (host:port of `ray start --head`), and that Ray has the same version there",
        subject="execution.address",
        retryable=True,
    )


def _not_started(error: Exception) -> AdapterError:
    return AdapterError(
        f"Ray could not be started on this machine: {last_line(error)}",
        code="ray.start",
        hint="on a busy machine start it beforehand with `ray start --head` and say `execution: {engine: ray, "
        "address: auto}`; or use `execution: local`",
        subject="execution",
        retryable=True,
    )


def last_line(error: Exception) -> str:
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1].strip()[:300] if lines else ''}".removesuffix(": ")


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray replaces the handler of SIGTERM in the process that connects; ours stay."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@atexit.register
def _end_at_exit() -> None:
    if CONNECTION.ours:
        CONNECTION.end()
