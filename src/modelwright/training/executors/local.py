"""Worker processes on this machine, one per core."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from modelwright.training.capacity import cores
from modelwright.training.executing import Executor, Workers, WorkersOrder
from modelwright.training.pool import Pool


class _Local:
    def open(self, order: WorkersOrder) -> Workers:
        limit = min(order.spec.workers or order.workers or cores(), order.most)
        return Pool(folder=order.folder, limit=limit, memory_bytes=order.memory_bytes, base_dir=order.base_dir)

    def held(self) -> AbstractContextManager[None]:
        return nullcontext()


PLUGIN: Executor = _Local()
