"""Keys at the door: known or not, allowed or not, too often or not. Time moves by hand."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from modelwright.registry.keys import Key, digest
from modelwright.serving.access import Access, Rates
from modelwright.serving.asking import Refused

_NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Time:
    def __init__(self) -> None:
        self.s = 1_000.0

    def now(self) -> datetime:
        return _NOW + timedelta(seconds=self.s - 1_000.0)


def _key(text: str, **what: object) -> Key:
    said = {"id": text[:8], "name": text, "scopes": ("predict",), "created_at": "2026-11-21T00:00:00.000Z",
            "created_by": "t", "sha256": digest(text), **what}  # fmt: skip
    return Key(**said)  # type: ignore[arg-type]


def _access(time: Time, *keys: Key, rates: Rates | None = None, **how: bool) -> Access:
    access = Access(rates or Rates(), now=time.now, clock=lambda: time.s, **how)
    access.set_keys(keys)
    return access


def _code(access: Access, key: str | None, scope: str = "predict") -> str:
    try:
        access.check(key, scope, "127.0.0.1")
    except Refused as error:
        return error.code
    return ""


def test_on_loopback_nobody_needs_a_key_until_the_first_one_is_made() -> None:
    time = Time()
    access = _access(time)
    assert _code(access, None) == _code(access, "anything") == ""
    access.set_keys([_key("abc")])
    assert _code(access, None) == "key.missing"
    assert _code(access, "anything") == "key.unknown"
    assert _code(access, "abc") == ""
    assert access.check("abc", "predict", "").id == "abc"
    revoked = msgspec.structs.replace(_key("abc"), revoked_at="2026-11-21T11:00:00.000Z")
    access.set_keys([revoked])
    assert _code(access, "abc") == "key.unknown"
    assert _code(access, None) == "key.missing", "revoking the last key opens nothing"


def test_beyond_loopback_a_key_is_asked_for_unless_the_door_was_opened_to_all() -> None:
    time = Time()
    assert _code(_access(time, beyond_loopback=True), None) == "key.missing"
    assert _code(_access(time, beyond_loopback=True), "x") == "key.unknown"
    assert _code(_access(time, beyond_loopback=True, open_to_all=True), None) == ""


def test_scopes() -> None:
    time = Time()
    access = _access(time, _key("p"), _key("r", scopes=("read",)), _key("a", scopes=("admin",)))
    allowed = {(key, scope) for key in "pra" for scope in ("predict", "explain", "feedback", "read", "admin")
               if not _code(access, key, scope)}  # fmt: skip
    assert allowed == {
        *((("p", scope)) for scope in ("predict", "explain", "feedback")),
        ("r", "read"),
        *((("a", scope)) for scope in ("predict", "explain", "feedback", "read", "admin")),
    }
    assert _code(access, None, "open") == ""
    assert _code(access, "p", "read") == "key.scope"


def test_a_key_expires_while_the_server_runs() -> None:
    time = Time()
    access = _access(time, _key("abc", expires_at="2026-11-21T12:00:10.000Z"))
    assert _code(access, "abc") == ""
    time.s += 10.0
    assert _code(access, "abc") == "key.unknown"
    access.set_keys([_key("abc", expires_at="2026-11-21T12:00:10.000Z")])
    assert _code(access, "abc") == "key.unknown"


def test_the_rate_is_one_for_all_workers_and_one_key_takes_nothing_from_another() -> None:
    time, rates = Time(), Rates()
    keys = [_key("abc", rate_per_minute=600), _key("xyz", rate_per_minute=600)]
    workers = [_access(time, *keys, rates=rates) for _ in range(2)]
    passed = sum(not _code(workers[turn % 2], "abc") for turn in range(1_000))
    assert passed == 100, "ten seconds' worth at once"
    with pytest.raises(Refused) as refused:
        workers[0].check("abc", "predict", "")
    assert refused.value.code == "key.rate"
    assert 0 < (refused.value.retry_after_s or 0) <= 0.1 + 1e-6
    assert _code(workers[1], "xyz") == ""
    passed = 0
    for turn in range(6_000):  # a minute at a hundred a second
        time.s += 0.01
        passed += not _code(workers[turn % 2], "abc")
    assert passed == pytest.approx(600, abs=2)


def test_a_rate_below_the_burst_still_lets_one_through() -> None:
    time = Time()
    access = _access(time, _key("slow", rate_per_minute=1))
    assert _code(access, "slow") == ""
    assert _code(access, "slow") == "key.rate"
    time.s += 60.0
    assert _code(access, "slow") == ""


def test_a_sweep_of_fifty_thousand_queries_gets_no_more_than_the_keys_rate() -> None:
    """H16: who copies a model by asking it is held to the quota of its key, over all workers, while others ask on."""
    time, rates = Time(), Rates()
    keys = [_key("sweeper", rate_per_minute=1_000), _key("shop", rate_per_minute=1_000)]
    workers = [_access(time, *keys, rates=rates) for _ in range(2)]
    codes = []
    for turn in range(50_000):  # five minutes
        codes.append(_code(workers[turn % 2], "sweeper"))
        if turn % 1_000 == 0:
            assert _code(workers[0], "shop") == "", "nothing is taken from another key"
        time.s += 0.006
    assert set(codes) == {"", "key.rate"}
    assert codes.count("") <= 5 * 1_000 + 167  # and ten seconds' worth at the start


def test_a_sweep_in_large_requests_is_held_to_the_same_rows() -> None:
    time, rates = Time(), Rates()
    keys = [_key("sweeper", rate_per_minute=1_000), _key("shop", rate_per_minute=1_000), _key("free")]
    workers = [_access(time, *keys, rates=rates) for _ in range(2)]
    rows = 0
    for turn in range(3_600):  # an hour, a request of 10,000 rows each second
        worker = workers[turn % 2]
        with contextlib.suppress(Refused):
            worker.charge(worker.check("sweeper", "predict", ""), 10_000)
            rows += 10_000
        assert _code(worker, "shop") == ""
        time.s += 1.0
    assert rows <= 60 * 1_000 + 10_000
    for _ in range(100):
        caller = workers[0].check("free", "predict", "")
        workers[0].charge(caller, 10_000)
