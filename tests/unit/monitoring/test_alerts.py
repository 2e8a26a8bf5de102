"""Alerts: one per thing, told at least once, silenced, escalated, over; and nobody hangs anybody."""

from __future__ import annotations

import json
import threading
import types
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from modelwright.core.errors import AdapterError, SpecError, StateError
from modelwright.core.ports import Params
from modelwright.lifecycle import alerting
from modelwright.lifecycle.alerting import Teller, note, workspace_of
from modelwright.lifecycle.operation import Context
from modelwright.monitoring import alerts, incidents
from modelwright.monitoring.alerts import Signal
from modelwright.records.notices import Notice
from modelwright.spec.monitoring import AlertRule, AlertsSpec, NotifierSpec, RouteSpec

DRIFT = Signal(about="drift", subject="column:income", message="income has moved")
DECAY = Signal(about="decay", subject="model", message="the error rate rose")
EVERY = tuple(alerts.USUAL)


@dataclass
class Moving:
    """A wall clock that a test sets; durations are real."""

    at: datetime = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
    steps: int = 0

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        import time

        return time.monotonic()


@dataclass
class Sink:
    """A notifier of one's own: remembers, fails or hangs as told."""

    got: list[Notice] = field(default_factory=list)
    failing: int = 0
    hang: threading.Event | None = None

    def send(self, notice: Notice, params: Any, timeout_s: float) -> None:
        if self.hang is not None:
            self.hang.wait(60)
        if self.failing:
            self.failing -= 1
            raise AdapterError("not now")
        self.got.append(notice)


class _NoParams(Params, frozen=True, kw_only=True):
    pass


@pytest.fixture
def sinks(monkeypatch: pytest.MonkeyPatch) -> dict[str, Sink]:
    found = {"ops": Sink(), "mail": Sink(), "boss": Sink()}
    monkeypatch.setattr(
        alerting, "load_module", lambda _seam, name: types.SimpleNamespace(PLUGIN=found[name], Params=_NoParams)
    )
    return found


@pytest.fixture
def clock() -> Moving:
    return Moving()


@pytest.fixture
def context(tmp_path: Path, clock: Moving) -> Context:
    return Context(workspace=tmp_path / ".modelwright", clock=clock)


def spec_of(*names: str, **said: Any) -> AlertsSpec:
    return AlertsSpec(notifiers={name: NotifierSpec(type=name) for name in names}, timeout_s=0.5, **said)


def see(context: Context, spec: AlertsSpec, *signals: Signal) -> list[str]:
    return [event.kind for event in note(workspace_of(context).journal(), "churn", signals, EVERY, spec, context)]


def kinds(context: Context) -> list[str]:
    return [event.kind for event in workspace_of(context).journal().read()]


def test_the_same_thing_is_one_alert_until_it_is_over(context: Context, sinks: dict[str, Sink]) -> None:
    spec = spec_of("ops", "mail", routes=[RouteSpec(severity=["page"], to=["mail"]), RouteSpec(to=["ops"])])
    assert see(context, spec, DRIFT, DRIFT, DECAY) == ["alert.opened", "alert.opened"]
    assert see(context, spec, DECAY, DRIFT) == []
    teller = Teller("churn", spec, context)
    assert teller.tell() == {"delivered": 3, "undelivered": 0}
    assert teller.tell() == {"delivered": 0, "undelivered": 0}
    assert [each.severity for each in sinks["mail"].got] == ["page"]
    assert see(context, spec, DECAY) == ["alert.recovered"]
    teller.tell()
    assert sinks["ops"].got[-1].kind == "recovered"
    assert see(context, spec, DECAY, DRIFT) == ["alert.opened"]  # it came back: a new alert


def test_alerts_of_one_round_are_one_message(context: Context, sinks: dict[str, Sink]) -> None:
    spec = spec_of("ops")
    see(context, spec, *(Signal(about="drift", subject=f"column:{n}", message=f"c{n}") for n in range(5)))
    Teller("churn", spec, context).tell()
    assert [len(each.lines) for each in sinks["ops"].got] == [5]
    assert sinks["ops"].got[0].lines[0].runbook == "docs/runbooks/drift.md"


def test_what_was_not_looked_at_has_not_recovered(context: Context, sinks: dict[str, Sink]) -> None:
    spec = spec_of("ops")
    see(context, spec, DRIFT)
    assert note(workspace_of(context).journal(), "churn", [], ["decay"], spec, context) == []


def test_a_failed_message_is_sent_again_under_its_id(context: Context, sinks: dict[str, Sink], clock: Moving) -> None:
    spec = spec_of("ops", attempts=3)
    sinks["ops"].failing = 1
    see(context, spec, DRIFT)
    teller = Teller("churn", spec, context)
    assert teller.tell()["undelivered"] == 1
    assert teller.tell() == {"delivered": 0, "undelivered": 0}  # not yet
    see(context, spec, DRIFT, DECAY)  # what comes later goes in a message of its own
    clock.at += timedelta(seconds=6)
    assert teller.tell()["delivered"] == 2
    sent = [event.payload["id"] for event in workspace_of(context).journal().read() if event.kind == alerts.SENDING]
    assert sorted(map(sent.count, set(sent))) == [1, 2]
    assert {each.id for each in sinks["ops"].got} == set(sent)


def test_a_message_whose_sender_died_is_sent_again(context: Context, sinks: dict[str, Sink], clock: Moving) -> None:
    spec = spec_of("ops")
    see(context, spec, DRIFT)
    dead = Teller("churn", spec, context)
    taken = dead._take(workspace_of(context).journal())  # and here it is killed
    assert Teller("churn", spec, context).tell() == {"delivered": 0, "undelivered": 0}
    clock.at += timedelta(seconds=60)
    assert Teller("churn", spec, context).tell()["delivered"] == 1
    assert sinks["ops"].got[0].id == taken[0].id


def test_one_that_hangs_keeps_nobody_waiting(context: Context, sinks: dict[str, Sink], clock: Moving) -> None:
    spec = spec_of("ops", "mail", attempts=2)
    sinks["mail"].hang = threading.Event()
    try:
        see(context, spec, DRIFT)
        teller = Teller("churn", spec, context)
        assert teller.tell() == {"delivered": 1, "undelivered": 1}
        clock.at += timedelta(hours=1)
        assert teller.tell() == {"delivered": 0, "undelivered": 1}
        clock.at += timedelta(hours=1)
        assert teller.tell() == {"delivered": 0, "undelivered": 0}  # given up, and said so
        assert threading.active_count() < 10
    finally:
        sinks["mail"].hang.set()
        for thread in teller.hanging.values():
            thread.join()


def test_a_silence_says_nothing_and_ends(context: Context, sinks: dict[str, Sink], clock: Moving) -> None:
    spec = spec_of("ops")
    until = (clock.at + timedelta(hours=1)).isoformat()
    payload = {"about": "drift", "subject": None, "until": until, "reason": "known"}
    workspace_of(context).journal().append(alerts.SILENCED, "alert:churn", payload)
    see(context, spec, DRIFT, DECAY)
    teller = Teller("churn", spec, context)
    teller.tell()
    assert [line.about for each in sinks["ops"].got for line in each.lines] == ["decay"]
    see(context, spec)
    clock.at += timedelta(hours=2)
    see(context, spec, DRIFT)
    teller.tell()
    assert sinks["ops"].got[-1].lines[0].about == "drift"


def test_a_page_that_nobody_answers_goes_further_once(context: Context, sinks: dict[str, Sink], clock: Moving) -> None:
    spec = spec_of("ops", "boss", escalate_to=["boss"], escalate_after="30m")
    see(context, spec, DECAY)
    teller = Teller("churn", spec, context)
    teller.tell()
    assert not sinks["boss"].got
    clock.at += timedelta(minutes=31)
    assert see(context, spec, DECAY) == ["alert.escalated"]
    assert see(context, spec, DECAY) == []
    teller.tell()
    assert [each.kind for each in sinks["boss"].got] == ["escalated"]


def test_an_answered_page_goes_no_further(context: Context, sinks: dict[str, Sink], clock: Moving) -> None:
    spec = spec_of("ops", "boss", escalate_to=["boss"])
    see(context, spec, DECAY)
    journal = workspace_of(context).journal()
    opened = alerts.fold(journal.read())[0]
    assert alerting.acknowledge(journal, opened.id[:6], "on it").acknowledged_by == "local"
    clock.at += timedelta(hours=5)
    assert see(context, spec, DECAY) == []
    with pytest.raises(StateError, match="no alert"):
        alerting.acknowledge(journal, "zzz", "")


def test_rules_say_how_bad_and_whether(context: Context, sinks: dict[str, Sink]) -> None:
    rules = [AlertRule(about="drift", severity="page"), AlertRule(about="decay", enabled=False)]
    see(context, spec_of("ops", rules=rules), DRIFT, DECAY)
    assert [alert.severity for alert in alerts.fold(workspace_of(context).journal().read())] == ["page"]


def test_two_who_see_the_same_open_one_alert(context: Context, sinks: dict[str, Sink]) -> None:
    spec = spec_of("ops")
    rivals = [threading.Thread(target=see, args=(context, spec, DRIFT, DECAY)) for _ in range(4)]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join()
    assert kinds(context).count("alert.opened") == 2


def test_an_incident_is_opened_by_a_page_and_closed_in_writing(context: Context, sinks: dict[str, Sink]) -> None:
    spec = spec_of("ops")
    see(context, spec, DECAY)
    see(context, spec, DECAY, DRIFT)
    events = list(workspace_of(context).journal().read())
    (found,) = incidents.fold(events)
    assert [alert.about for alert in found.alerts] == ["decay", "drift"]
    with pytest.raises(StateError, match="open alerts"):
        alerting.close_incident(context, found.id, "bad")
    see(context, spec)
    closed = alerting.close_incident(context, found.id, "a | pipe\nand a line")
    text = Path(closed["summary"]).read_text()
    assert "a | pipe" in text
    assert text.count("alert.opened") == 2
    see(context, spec, DECAY)
    assert len(incidents.fold(list(workspace_of(context).journal().read()))) == 2


def test_a_notifier_that_is_not_there_is_named_before_anything(context: Context) -> None:
    with pytest.raises(SpecError, match="'nobody'"):
        Teller("churn", spec_of(routes=[RouteSpec(to=["nobody"])]), context).check()
    bad = AlertsSpec(notifiers={"hook": NotifierSpec(type="webhook", params={"adress": "x"})})
    with pytest.raises(SpecError, match="'hook'"):
        Teller("churn", bad, context).check()


def test_without_notifiers_a_log_in_the_workspace_has_it(context: Context) -> None:
    see(context, AlertsSpec(), DRIFT)
    Teller("churn", AlertsSpec(), context).tell()
    line = json.loads((context.workspace / "alerts.jsonl").read_text())
    assert line["lines"][0]["message"] == "income has moved"
