"""Alerts as a fold over the journal: what is open, who knows, what is still to be said.

Events with the subject `alert:<model>`: `alert.opened`, `alert.worsened`, `alert.acknowledged`, `alert.escalated`,
`alert.recovered`, `alert.silenced`, and of each message `alert.sending` (before it leaves), then `alert.delivered` or
`alert.undelivered`. A message that was being sent when its process died is sent again under the same id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from modelwright.core.digests import digest_of
from modelwright.core.nouns import Event
from modelwright.spec.monitoring import AlertsSpec, seconds

OPENED, WORSENED, RECOVERED, ESCALATED = "alert.opened", "alert.worsened", "alert.recovered", "alert.escalated"
ACKNOWLEDGED, SILENCED = "alert.acknowledged", "alert.silenced"
SENDING, DELIVERED, UNDELIVERED = "alert.sending", "alert.delivered", "alert.undelivered"
#: events of which somebody is told
TOLD = (OPENED, WORSENED, RECOVERED, ESCALATED)
SEVERITIES = ("info", "ticket", "page")
#: severity of each kind where nothing else is said
USUAL = {
    "drift": "ticket",
    "decay": "page",
    "slo": "page",
    "quality": "ticket",
    "rollout_stopped": "page",
    "retraining_held": "ticket",
    "retraining_failed": "page",
    "log_failures": "page",
}
_FIRST_WAIT_S, _LONGEST_WAIT_S = 5.0, 900.0
DEFAULT_NOTIFIER = "log"


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong now; `severity` where the measurement itself says how bad."""

    about: str
    subject: str
    message: str
    severity: str | None = None
    evidence: Any = None


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    model: str
    about: str
    subject: str
    severity: str
    message: str
    runbook: str
    opened_at: str
    incident: str = ""
    acknowledged_by: str = ""
    acknowledged_at: str = ""
    escalated_at: str = ""
    recovered_at: str = ""
    silenced: bool = False
    evidence: Any = None

    @property
    def open(self) -> bool:
        return not self.recovered_at


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    about: str | None
    subject: str | None
    until: str
    reason: str = ""
    by: str = ""

    def covers(self, about: str, subject: str, at: str) -> bool:
        fits = self.about in (None, about) and self.subject in (None, subject)
        return fits and datetime.fromisoformat(at) < datetime.fromisoformat(self.until)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one notifier, made of the events numbered `events`."""

    id: str
    notifier: str
    kind: str
    severity: str
    events: tuple[int, ...]
    attempt: int = 1


def fold(events: Iterable[Event], model: str | None = None) -> list[Alert]:
    """Every alert, oldest first."""
    found: dict[str, Alert] = {}
    silences: list[Silence] = []
    replaced = msgspec.structs.replace
    for event in events:
        name, payload = event.subject.removeprefix("alert:"), event.payload
        if not event.subject.startswith("alert:") or (model is not None and name != model):
            continue
        if event.kind == SILENCED:
            silences.append(_silence(event))
        elif event.kind == OPENED:
            quiet = any(s.model == name and s.covers(payload["about"], payload["subject"], event.at) for s in silences)
            found[payload["alert"]] = Alert(
                id=payload["alert"],
                model=name,
                opened_at=event.at,
                silenced=quiet,
                **{key: payload[key] for key in ("about", "subject", "severity", "message", "runbook")},
                incident=payload.get("incident", ""),
                evidence=payload.get("evidence"),
            )
        elif (now := found.get(payload.get("alert", ""))) is not None:
            changes: dict[str, dict[str, Any]] = {
                WORSENED: {"severity": payload.get("severity", now.severity), "message": payload.get("message", "")},
                ACKNOWLEDGED: {"acknowledged_by": event.actor, "acknowledged_at": event.at},
                ESCALATED: {"escalated_at": event.at},
                RECOVERED: {"recovered_at": event.at},
            }
            found[now.id] = replaced(now, **changes.get(event.kind, {}))
    return list(found.values())


def silences(events: Iterable[Event], model: str, at: str) -> list[Silence]:
    """Those that still hold."""
    every = [_silence(event) for event in events if event.kind == SILENCED and event.subject == f"alert:{model}"]
    return [each for each in every if datetime.fromisoformat(at) < datetime.fromisoformat(each.until)]


def _silence(event: Event) -> Silence:
    payload = event.payload
    return Silence(
        model=event.subject.removeprefix("alert:"), about=payload.get("about"), subject=payload.get("subject"),
        until=payload["until"], reason=payload.get("reason", ""), by=event.actor,
    )  # fmt: skip


# ---------------------------------------------------------------- what has to be noted


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """An event to append."""

    kind: str
    payload: dict[str, Any]


def changes(
    events: Sequence[Event],
    model: str,
    signals: Sequence[Signal],
    judged: Iterable[str],
    spec: AlertsSpec,
    at: datetime,
) -> list[Note]:
    """What the present signals change: one open alert per kind and subject, however often it is seen.

    judged: the kinds that were looked at now; an open alert of such a kind that is not signalled has recovered.
    """
    current = {(alert.about, alert.subject): alert for alert in fold(events, model) if alert.open}
    said = {rule.about: rule for rule in spec.rules}
    incident = open_incident(events, model)
    notes, seen = [], set()
    for signal in signals:
        rule = said.get(signal.about)  # type: ignore[call-overload]
        if rule is not None and not rule.enabled:
            continue
        severity = (rule.severity if rule is not None else None) or signal.severity or USUAL[signal.about]
        key = (signal.about, signal.subject)
        if key in seen:
            continue
        seen.add(key)
        known = current.get(key)
        if known is None:
            if severity == "page" and not incident:
                incident = f"inc-{digest_of([model, signal.about, signal.subject, _last(events)])[3:13]}"
            notes.append(_opening(model, signal, severity, incident, _last(events)))
        elif SEVERITIES.index(severity) > SEVERITIES.index(known.severity):
            payload = {"alert": known.id, "severity": severity, "message": signal.message}
            notes.append(Note(kind=WORSENED, payload=payload))
    looked = set(judged)
    notes += [
        Note(kind=RECOVERED, payload={"alert": alert.id, "message": f"over: {alert.message}"})
        for key, alert in current.items()
        if alert.about in looked and key not in seen
    ]
    return [*notes, *_escalations(current.values(), seen, spec, at)]


def _opening(model: str, signal: Signal, severity: str, incident: str, last: int) -> Note:
    return Note(
        kind=OPENED,
        payload={
            "alert": digest_of([model, signal.about, signal.subject, last])[3:13],
            "about": signal.about,
            "subject": signal.subject,
            "severity": severity,
            "message": signal.message,
            "runbook": runbook(signal.about),
            "incident": incident,
            "evidence": signal.evidence,
        },
    )


def _escalations(alerts: Iterable[Alert], seen: set[Any], spec: AlertsSpec, at: datetime) -> list[Note]:
    """Pages that nobody acknowledged in time, once each."""
    if spec.escalate_after is None or not spec.escalate_to:
        return []
    before = at - timedelta(seconds=seconds(spec.escalate_after))
    return [
        Note(kind=ESCALATED, payload={"alert": alert.id, "message": alert.message})
        for alert in alerts
        if alert.severity == "page"
        and not (alert.acknowledged_at or alert.escalated_at or alert.silenced)
        and datetime.fromisoformat(alert.opened_at) <= before
        and (alert.about, alert.subject) in seen
    ]


def open_incident(events: Sequence[Event], model: str) -> str:
    """The incident that later alerts of a model belong to; empty where none is open."""
    closed = {event.payload["incident"] for event in events if event.kind == "incident.closed"}
    every = [alert.incident for alert in fold(events, model) if alert.incident and alert.incident not in closed]
    return every[-1] if every else ""


def runbook(about: str) -> str:
    return f"docs/runbooks/{about.replace('_', '-')}.md"


def _last(events: Sequence[Event]) -> int:
    return events[-1].sequence if events else 0


# ---------------------------------------------------------------- what has to be said


def due(events: Sequence[Event], model: str, spec: AlertsSpec, at: datetime) -> list[Message]:
    """Messages to send now: what nobody was told yet, grouped by kind and severity, and tries whose wait is over."""
    told, waiting = _sent(events, model, spec, at)
    alerts = {alert.id: alert for alert in fold(events, model)}
    groups: dict[tuple[str, str, str], list[int]] = {}
    for event in events:
        if event.kind not in TOLD or event.subject != f"alert:{model}":
            continue
        alert = alerts.get(event.payload["alert"])
        if alert is None or alert.silenced or (event.kind == RECOVERED and not spec.recovery):
            continue
        for notifier in _recipients(event.kind, alert.severity, spec):
            if (event.sequence, notifier) not in told:
                groups.setdefault((notifier, event.kind, alert.severity), []).append(event.sequence)
    fresh = [
        Message(
            id=digest_of([model, notifier, numbers])[3:19],
            notifier=notifier,
            kind=kind.removeprefix("alert."),
            severity=severity,
            events=tuple(numbers),
        )
        for (notifier, kind, severity), numbers in groups.items()
    ]
    return [*waiting, *fresh]


def _sent(
    events: Sequence[Event], model: str, spec: AlertsSpec, at: datetime
) -> tuple[set[tuple[int, str]], list[Message]]:
    """Events by notifier that have a message already, and the messages whose next try is due."""
    last: dict[str, Event] = {}
    for event in events:
        if event.kind in (SENDING, DELIVERED, UNDELIVERED) and event.subject == f"alert:{model}":
            last[event.payload["id"]] = event
    told: set[tuple[int, str]] = set()
    waiting = []
    for event in last.values():
        payload = event.payload
        told |= {(number, payload["notifier"]) for number in payload["events"]}
        attempt = payload["attempt"]
        if event.kind == DELIVERED or attempt >= spec.attempts:
            continue
        # a try without an end belongs to somebody who is at it, or to nobody any more
        wait_s = 3.0 * spec.timeout_s if event.kind == SENDING else pause_s(attempt)
        passed_s = (at - datetime.fromisoformat(event.at)).total_seconds()
        if passed_s >= wait_s or passed_s < 0:  # below zero the clock was set back
            again = {**payload, "attempt": attempt + 1}
            waiting.append(msgspec.convert({key: again[key] for key in Message.__struct_fields__}, Message))
    return told, waiting


def pause_s(attempt: int) -> float:
    """Before the next try."""
    return float(min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** (attempt - 1)))


def _recipients(kind: str, severity: str, spec: AlertsSpec) -> list[str]:
    if kind == ESCALATED:
        return list(spec.escalate_to)
    if spec.routes:
        chosen = [
            name for route in spec.routes if not route.severity or severity in route.severity for name in route.to
        ]
    else:
        chosen = [name for name in spec.notifiers if name not in spec.escalate_to]
    return list(dict.fromkeys(chosen)) or [DEFAULT_NOTIFIER]
