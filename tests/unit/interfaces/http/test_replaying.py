"""What all workers of a server remember together of idempotency keys."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from modelwright.interfaces.http.replaying import Remembered, Replays
from modelwright.interfaces.http.replies import Reply
from modelwright.serving.asking import Refused

PLACE = ("shop", "/v1/models/churn/predict", "k-1")


def _elsewhere(work: Callable[[], bool]) -> bool:
    """Whether the work was right in a fork of this process."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if work() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _reply(text: bytes = b'{"a":1}') -> Reply:
    return Reply(200, text, headers=((b"x-modelwright-log", b"group"),), request_id="r-1", model="churn")


def test_what_one_process_answered_another_one_replays() -> None:
    memory = Remembered()
    here = Replays(memory, 600.0, lambda: 5.0)
    assert _elsewhere(lambda: Replays(memory, 600.0, lambda: 0.0).keep(*PLACE, b"body", _reply()) is None)
    found = here.find(*PLACE, b"body")
    assert found is not None
    assert (found.status, found.body, found.request_id, found.model, found.logged) == (
        200, b'{"a":1}', "r-1", "churn", True,
    )  # fmt: skip
    assert found.headers == ((b"x-modelwright-log", b"group"), (b"x-modelwright-replayed", b"true"))
    with pytest.raises(Refused) as refused:
        here.find(*PLACE, b"another body")
    assert refused.value.code == "idempotency.conflict"
    assert here.find("other", *PLACE[1:], b"body") is None
    # fields of other lengths that read alike in a row are other fields
    assert here.find("sho", "p" + PLACE[1], PLACE[2], b"body") is None
    here.forget(*PLACE)
    assert here.find(*PLACE, b"body") is None


def test_a_key_in_work_is_refused_elsewhere_and_free_again_when_its_worker_dies() -> None:
    memory = Remembered()
    replays = Replays(memory, 600.0, lambda: 0.0)

    def busy() -> bool:
        try:
            with replays.held(*PLACE):
                return False
        except Refused as refusal:
            return refusal.code == "idempotency.busy" and refusal.retryable

    with replays.held(*PLACE):
        assert _elsewhere(busy)
    assert not _elsewhere(busy)

    def dies() -> bool:
        with replays.held(*PLACE):
            os._exit(0)

    assert _elsewhere(dies)
    with replays.held(*PLACE):
        pass


def test_memory_and_time_are_bounded_and_the_oldest_goes() -> None:
    memory = Remembered(entries=64, size=8_192)
    now = [0.0]
    replays = Replays(memory, 10.0, lambda: now[0])
    for number in range(500):
        now[0] += 0.001
        replays.keep("c", "/p", str(number), b"b", _reply(b"%05d" % number * 20))
    found = [replays.find("c", "/p", str(number), b"b") for number in range(500)]
    there = [number for number, one in enumerate(found) if one is not None]
    assert all(one.body == b"%05d" % number * 20 for number, one in enumerate(found) if one is not None)
    assert there[-1] == 499
    assert 10 < len(there) <= 64
    assert there[0] > 300
    replays.keep("c", "/p", "long", b"b", _reply(b"x" * 4_096))
    assert replays.find("c", "/p", "long", b"b") is None
    now[0] += 11.0
    assert replays.find("c", "/p", "499", b"b") is None


def test_an_entry_that_was_torn_is_none() -> None:
    memory = Remembered()
    replays = Replays(memory, 600.0, lambda: 0.0)
    replays.keep(*PLACE, b"body", _reply())
    memory._memory[memory._ring + 3] ^= 1
    assert replays.find(*PLACE, b"body") is None
