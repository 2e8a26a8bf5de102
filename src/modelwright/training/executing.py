"""Where units run: on this machine or on a cluster, behind one interface, so that training cannot tell which."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from modelwright.core import plugins
from modelwright.spec.model import ExecutionSpec
from modelwright.training.units import Unit

if TYPE_CHECKING:
    from modelwright.training.pool import Outcome
    from modelwright.training.request import TrainRequest


class Workers(Protocol):
    """What trains units. Leaving it as a context manager ends everything that it has started, wherever that is."""

    @property
    def limit(self) -> int:
        """Units that run at the same time, at least 1."""
        ...

    @property
    def busy(self) -> int:
        """Units queued or running."""
        ...

    @property
    def free(self) -> int:
        """How many more units would start at once."""
        ...

    def warm(self, count: int) -> None:
        """Start workers ahead of the work."""
        ...

    def move(self, folder: Path) -> None:
        """Forget all work and go on at another bench."""
        ...

    def submit(self, unit: Unit) -> None: ...

    def poll(self, timeout_s: float = ...) -> list[Outcome]:
        """Wait for news at most this long; a finished unit's folder is in the store beside the bench by then."""
        ...

    def abandon(self, reason: str, keep: Callable[[Unit], bool] = ...) -> None:
        """Drop queued units and stop running ones, except those to keep; each becomes an outcome."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkersOrder:
    """What an executor is asked for."""

    spec: ExecutionSpec
    folder: Path  # the bench; finished units go to `units` beside it
    most: int  # more workers than this would only wait
    workers: int | None  # how many the file allows on this machine; None: one per core
    memory_bytes: int  # for all workers together, of this machine's memory
    base_dir: Path


class Executor(Protocol):
    """One place where units can run."""

    def open(self, order: WorkersOrder) -> Workers:
        """Raises MissingExtraError, or AdapterError where the place cannot be reached."""
        ...

    def held(self) -> AbstractContextManager[None]:
        """Within, what is slow to start is kept from one `open` to the next."""
        ...


def open_workers(request: TrainRequest, folder: Path, most: int) -> Workers:
    """The workers that the request's `execution` names, for at most so many units at a time."""
    executor: Executor = plugins.load("executors", request.execution.engine)
    order = WorkersOrder(
        spec=request.execution,
        folder=folder,
        most=max(1, most),
        workers=request.workers,
        memory_bytes=request.memory_bytes,
        base_dir=request.base_dir,
    )
    return executor.open(order)


@contextmanager
def held(spec: ExecutionSpec) -> Iterator[None]:
    """Keep what an executor has started until the end of the block: a run opens workers more than once."""
    executor: Executor = plugins.load("executors", spec.engine)
    with executor.held():
        yield
