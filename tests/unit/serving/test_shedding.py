"""The bounded queue: nothing waits longer than it may, and who is refused is refused at once. Time moves by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modelwright.serving.asking import Refused
from modelwright.serving.shedding import Shedder


class Loop:
    """Turns of an event loop, and the time that work takes in them."""

    def __init__(self) -> None:
        self.now, self.soon = 100.0, list[Callable[[], None]]()

    def turn(self) -> None:
        due = list(self.soon)
        self.soon.clear()
        for call in due:
            call()

    def busy(self, seconds: float) -> Callable[[], None]:
        def work() -> None:
            self.now += seconds

        return work


def _shedder(loop: Loop, shed: list[str], **settings: float) -> Shedder:
    return Shedder(loop.soon.append, clock=lambda: loop.now, shed=shed.append, **settings)  # type: ignore[arg-type]


def test_requests_are_answered_at_once_until_the_turn_is_spent() -> None:
    loop = Loop()
    shedder = _shedder(loop, [], slice_s=0.01)
    assert shedder.inline(loop.now)
    loop.now += 0.009
    assert shedder.inline(loop.now)
    loop.now += 0.002
    assert not shedder.inline(loop.now)
    loop.turn()
    assert shedder.inline(loop.now), "a new turn has a new slice"


def test_at_five_times_the_capacity_the_work_done_is_what_can_be_done_and_the_rest_is_refused_at_once() -> None:
    loop, shed = Loop(), list[str]()
    shedder = _shedder(loop, shed, slice_s=0.01, longest_s=0.5, most=10_000)
    done, refused, late, waits, longest = 0, 0, 0, list[float](), 0
    arrived, cost, refusing = 100.0, 0.002, 0.000_05  # an answer takes 2 ms, saying no 50 us

    def answer(came: float) -> None:
        nonlocal done
        loop.now += cost
        done += 1
        waits.append(loop.now - came)

    def too_late(_why: Refused) -> None:
        nonlocal late
        late += 1

    while loop.now < 110.0:
        while arrived <= loop.now:  # five requests in the time that one takes
            came = arrived
            arrived += cost / 5
            started = loop.now
            if shedder.inline(loop.now):
                answer(came)
                shedder.answered(loop.now - started)
                continue
            try:
                shedder.defer(lambda came=came: answer(came), too_late, deadline=came + 0.5)  # type: ignore[misc]
            except Refused as error:
                assert (error.code, error.retry_after_s) == ("serving.busy", 1.0)  # noqa: PT017
                loop.now += refusing
                refused += 1
        longest = max(longest, shedder.waiting)
        before = loop.now
        loop.turn()
        if loop.now == before:
            loop.now += 0.000_1
    assert done >= 0.85 * 10.0 / cost
    assert max(waits) <= 0.5 + 0.05, "what was accepted was answered in time"
    assert longest <= 0.5 / cost + 1, "the queue holds no more than can be answered in time"
    assert late <= 0.02 * done
    assert refused + late + done + shedder.waiting == pytest.approx((arrived - 100.0) / (cost / 5), abs=2)


def test_what_waited_too_long_is_refused_before_work_is_spent_on_it() -> None:
    loop, shed, refused = Loop(), list[str](), list[Refused]()
    shedder = _shedder(loop, shed, slice_s=0.01, longest_s=1.0)
    shedder.defer(loop.busy(2.0), refused.append)
    shedder.defer(loop.busy(2.0), refused.append)
    loop.turn()
    loop.turn()
    assert [error.code for error in refused] == ["serving.busy"]
    assert shed == ["deadline"]
    assert loop.now == 102.0
    assert shedder.waiting == 0


def test_numbers_and_bytes_are_bounded() -> None:
    loop, shed = Loop(), list[str]()
    shedder = _shedder(loop, shed, most=3, most_bytes=100)
    shedder.defer(loop.busy(0), print, size=60)
    with pytest.raises(Refused):
        shedder.defer(loop.busy(0), print, size=60)
    shedder.defer(loop.busy(0), print, size=20)
    shedder.defer(loop.busy(0), print, size=20)
    with pytest.raises(Refused):
        shedder.defer(loop.busy(0), print)
    shedder.flush()
    shedder.defer(loop.busy(0), print, size=100)
    assert shed == ["queue", "queue"]


def test_a_deadline_that_cannot_be_met_is_refused_at_once() -> None:
    loop = Loop()
    shedder = _shedder(loop, [], slice_s=0.001)
    shedder.answered(0.1)
    for _ in range(3):
        shedder.defer(loop.busy(0.1), print, deadline=loop.now + 1.0)
    with pytest.raises(Refused):
        shedder.defer(loop.busy(0.1), print, deadline=loop.now + 0.2)


def test_a_burst_may_wait_and_a_queue_that_stands_is_kept_short() -> None:
    loop, shed = Loop(), list[str]()
    shedder = _shedder(loop, shed, slice_s=0.01, longest_s=4.0, most=10_000)
    done: list[float] = []

    def send(many: int) -> int:
        """How many of them may wait."""
        taken = 0
        for _ in range(many):
            came = loop.now

            def work(came: float = came) -> None:
                loop.now += 0.01
                done.append(loop.now - came)

            try:
                shedder.defer(work, lambda _why: None)
                taken += 1
            except Refused:
                pass
        return taken

    shedder.answered(0.01)
    assert send(100) == 100, "a second's work that came at once"
    while shedder.waiting:
        loop.turn()
    done.clear()
    for _ in range(1_500):  # five for each that is answered
        send(5)
        loop.turn()
        assert shedder.waiting, "and it never runs dry"
    assert len(done) == 1_500
    assert max(done[:500]) > 2.0
    assert max(done[1_000:]) <= 1.05
    while shedder.waiting:
        loop.turn()
    assert send(100) == 100, "once it was empty it is there for bursts again"
