"""Replies wait here until what they say is written down.

Every reply of one turn of the loop is held, the log is committed once, and then they leave. Under durability `disk`
they leave when the log says that everything up to its position is on the disk. Whoever remembers a reply hears first
whether its record is safe, also where its client has gone.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from modelwright.core.errors import ModelwrightError
from modelwright.interfaces.http.replies import Reply
from modelwright.interfaces.http.service import Service
from modelwright.serving.asking import Refused


class Held(Protocol):
    """Something that waits. `failed` is None where the record of it is safe."""

    def release(self, reply: object, failed: Refused | None) -> None: ...


Waiting = list[tuple[Held, object]]


class Outbox:
    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        self._service = service
        self._loop = loop
        self._held: Waiting = []
        self._syncing: dict[int, tuple[float, Waiting]] = {}
        self._batches = 0
        self._log = service.log if service.durability == "disk" else None
        self._commit = service.plane.commit
        self._after = service.after_replies

    def hold(self, who: Held, reply: object) -> None:
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append((who, reply))

    @property
    def empty(self) -> bool:
        return not self._held and not self._syncing

    def flush(self) -> None:
        """Commit, and let everything go that was held (or hand it to the disk's callback)."""
        waiting, self._held = self._held, []
        if not waiting:
            return
        try:
            position = self._commit()
            if self._log is not None:
                number = self._batches = self._batches + 1
                self._syncing[number] = (time.monotonic(), waiting)
                self._log.when_synced(
                    position, lambda: self._elsewhere(number, safe=True), lambda _e: self._elsewhere(number, safe=False)
                )
                return
        except ModelwrightError:
            self._syncing.pop(self._batches, None)
            _release(waiting, _not_logged())
            return
        _release(waiting, None)
        if self._after is not None:
            self._after()

    def expire(self, now: float) -> None:
        """Give up on a disk that has not answered within the deadline of a request. Call now and then."""
        patience = self._service.limits.deadline_s
        for number in [one for one, (since, _) in self._syncing.items() if now - since > patience]:
            _release(self._syncing.pop(number)[1], _not_logged())

    def _elsewhere(self, number: int, *, safe: bool) -> None:
        """Called in the log's own thread."""
        try:
            self._loop.call_soon_threadsafe(self._synced, number, safe)
        except RuntimeError:  # the loop has ended meanwhile, and with it every connection
            return

    def _synced(self, number: int, safe: bool) -> None:
        found = self._syncing.pop(number, None)
        if found is not None:
            _release(found[1], None if safe else _not_logged())


class Turn:
    """Lets a coroutine wait for its reply's turn."""

    __slots__ = ("future",)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.future: asyncio.Future[Refused | None] = loop.create_future()

    def release(self, reply: object, failed: Refused | None) -> None:
        if not self.future.done():
            self.future.set_result(failed)


def _release(waiting: Waiting, failed: Refused | None) -> None:
    for who, reply in waiting:
        if type(reply) is Reply and reply.settle is not None:
            reply.settle(failed is None)
        who.release(reply, failed)


def _not_logged() -> Refused:
    return Refused(
        "The prediction could not be written down, so it is not given.",
        code="serving.unavailable",
        hint="the log of this server has failed; ask again later",
        retry_after_s=5.0,
    )
