"""A circuit opens after failures in a row, tries again after a pause, and each pause is longer."""

from __future__ import annotations

from modelwright.serving.breaker import Breaker, Circuit


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _opened(clock: Hands, said: list[Circuit]) -> Breaker:
    breaker = Breaker(failures=3, pause_s=1.0, longest_pause_s=4.0, clock=clock, changed=said.append)
    for _ in range(3):
        assert breaker.allow()
        breaker.failed()
    return breaker


def test_failures_in_a_row_open_it_and_a_success_between_starts_anew() -> None:
    clock, said = Hands(), []
    breaker = Breaker(failures=3, clock=clock, changed=said.append)
    for fail in (True, True, False, True, True):
        assert breaker.allow()
        if fail:
            breaker.failed()
        else:
            breaker.succeeded()
    assert breaker.closed
    assert said == []
    breaker.failed()
    assert not breaker.closed
    assert not breaker.allow()
    assert said == [Circuit.OPEN]


def test_one_call_tries_after_the_pause_and_closes_the_circuit() -> None:
    clock, said = Hands(), []
    breaker = _opened(clock, said)
    clock.now += 0.99
    assert not breaker.allow()
    assert 0 < breaker.retry_after_s() <= 0.011
    clock.now += 0.02
    assert breaker.allow()
    assert not breaker.allow(), "one trial at a time"
    breaker.succeeded()
    assert breaker.allow()
    assert said == [Circuit.OPEN, Circuit.HALF_OPEN, Circuit.CLOSED]


def test_a_failed_trial_doubles_the_pause_up_to_the_longest() -> None:
    clock, said = Hands(), []
    breaker = _opened(clock, said)
    for pause in (1.0, 2.0, 4.0, 4.0):
        assert abs(breaker.retry_after_s() - pause) < 1e-9
        clock.now += pause
        assert breaker.allow()
        breaker.failed()


def test_a_trial_that_never_reports_does_not_block_for_ever() -> None:
    clock, said = Hands(), []
    breaker = _opened(clock, said)
    clock.now += 1.0
    assert breaker.allow()
    clock.now += 29.0
    assert not breaker.allow()
    clock.now += 1.1
    assert breaker.allow()
