"""Note what the signals change, and tell those who are to know: at least once each, nobody in another's way."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from modelwright.core.clock import timestamp
from modelwright.core.errors import ModelwrightError, SpecError, StateError
from modelwright.core.nouns import Event
from modelwright.core.plugins import load_module
from modelwright.core.ports import Journal
from modelwright.lifecycle.operation import Context
from modelwright.lifecycle.workspace import Workspace, write_atomically
from modelwright.monitoring import alerts, incidents
from modelwright.monitoring.alerts import Message, Signal
from modelwright.records.notices import Line, Notice
from modelwright.spec.monitoring import AlertsSpec, NotifierSpec

_ERROR_CHARACTERS = 300


def workspace_of(context: Context) -> Workspace:
    return Workspace(context.workspace, actor=context.actor, clock=context.clock)


def note(
    journal: Journal, model: str, signals: Sequence[Signal], judged: Iterable[str], spec: AlertsSpec, context: Context
) -> list[Event]:
    """Append what the signals change. Rivals who see the same thing at the same time open one alert."""
    from modelwright.registry.versions import Snapshot, retried

    kinds, noted = frozenset(judged), []

    def attempt(now: Snapshot) -> Event | None:
        wanted = alerts.changes(now.events, model, signals, kinds, spec, context.clock.now())
        if not wanted:
            return None
        return now.append(wanted[0].kind, f"alert:{model}", wanted[0].payload, expected=now.last)

    while (event := retried(journal, attempt)) is not None:
        noted.append(event)
    return noted


@dataclass(slots=True)
class Teller:
    """Sends what is due. Each notifier works in a thread of its own; one that hangs is waited for no longer than its
    time, and is left alone until that thread has ended."""

    model: str
    spec: AlertsSpec
    context: Context
    hanging: dict[str, threading.Thread] = field(default_factory=dict)

    def check(self) -> None:
        """Raises SpecError for a notifier that does not exist or whose parameters do not fit."""
        for name in {*self.spec.escalate_to, *(each for route in self.spec.routes for each in route.to)}:
            self._notifier(name)
        for name in self.spec.notifiers:
            self._notifier(name)

    def tell(self) -> dict[str, int]:
        """One round. Returns how many messages were delivered and how many were not."""
        journal = workspace_of(self.context).journal()
        taken = self._take(journal)
        tries = [_Try(self, message, self._notice(journal, message)) for message in taken]
        for each in tries:
            each.begin()
        counts = {"delivered": 0, "undelivered": 0}
        until_s = self.context.clock.monotonic_s() + self.spec.timeout_s + 1.0
        for each in tries:
            error = each.end(max(0.0, until_s - self.context.clock.monotonic_s()))
            kind = alerts.DELIVERED if not error else alerts.UNDELIVERED
            journal.append(kind, f"alert:{self.model}", _payload(each.message, error))
            counts[kind.removeprefix("alert.")] += 1
        return counts

    def _take(self, journal: Journal) -> list[Message]:
        """Write down what is about to be sent, so that a rival does not send it too and a crash does not hide it."""
        from modelwright.registry.versions import Snapshot, retried

        taken: list[Message] = []

        def attempt(now: Snapshot) -> Message | None:
            waiting = alerts.due(now.events, self.model, self.spec, self.context.clock.now())
            if not waiting:
                return None
            now.append(alerts.SENDING, f"alert:{self.model}", _payload(waiting[0], ""), expected=now.last)
            return waiting[0]

        while (message := retried(journal, attempt)) is not None:
            taken.append(message)
        return taken

    def _notice(self, journal: Journal, message: Message) -> Notice:
        events = list(journal.read())
        known = {alert.id: alert for alert in alerts.fold(events, self.model)}
        chosen = [event for event in events if event.sequence in message.events]
        lines = [
            Line(alert=own.id, about=own.about, subject=own.subject, message=event.payload.get("message", own.message),
                 runbook=own.runbook, opened_at=own.opened_at)
            for event in chosen
            if (own := known.get(event.payload["alert"])) is not None
        ]  # fmt: skip
        return Notice(
            id=message.id,
            kind=message.kind,
            model=self.model,
            severity=message.severity,
            at=timestamp(self.context.clock.now()),
            lines=tuple(lines),
        )

    def send(self, name: str, notice: Notice) -> None:
        """Raises ModelwrightError where the notifier did not take it."""
        plugin, params = self._notifier(name)
        plugin.send(notice, params, self.spec.timeout_s)

    def _notifier(self, name: str) -> tuple[Any, Any]:
        said = self.spec.notifiers.get(name)
        if said is None and name == alerts.DEFAULT_NOTIFIER:
            said = NotifierSpec(type="log", params={"path": str(self.context.workspace / "alerts.jsonl")})
        if said is None:
            raise SpecError(f"alerts name the notifier '{name}', which is not there.", code="alerts.notifier",
                            hint="add it under alerts.notifiers", subject=f"alerts.notifiers.{name}")  # fmt: skip
        module = load_module("notifiers", said.type)
        try:
            return module.PLUGIN, msgspec.convert(said.params, module.Params)
        except msgspec.ValidationError as error:
            raise SpecError(f"The parameters of notifier '{name}' do not fit: {error}.", code="alerts.notifier",
                            hint=f"see `modelwright plugins notifiers` and the docs of '{said.type}'",
                            subject=f"alerts.notifiers.{name}") from error  # fmt: skip


class _Try:
    """One message on its way."""

    def __init__(self, teller: Teller, message: Message, notice: Notice) -> None:
        self.teller, self.message, self.notice = teller, message, notice
        self.error: str | None = None  # None: not over yet
        self.thread: threading.Thread | None = None

    def begin(self) -> None:
        before = self.teller.hanging.get(self.message.notifier)
        if before is not None and before.is_alive():
            self.error = "its last message is still under way"
            return
        self.thread = threading.Thread(target=self._send, name=f"notifier {self.message.notifier}", daemon=True)
        self.thread.start()

    def end(self, wait_s: float) -> str:
        """What went wrong; empty for nothing."""
        if self.thread is not None:
            self.thread.join(wait_s)
            if self.thread.is_alive():
                self.teller.hanging[self.message.notifier] = self.thread
                return "it did not answer in time"
        return self.error or ""

    def _send(self) -> None:
        try:
            self.teller.send(self.message.notifier, self.notice)
            self.error = ""
        except ModelwrightError as error:
            self.error = error.message[:_ERROR_CHARACTERS]
        except Exception as error:  # noqa: BLE001 - anybody's notifier may raise anything, and no other may suffer
            self.error = f"{type(error).__name__}: {error}"[:_ERROR_CHARACTERS]


def _payload(message: Message, error: str) -> dict[str, Any]:
    return {**msgspec.to_builtins(message), **({"error": error} if error else {})}


# ---------------------------------------------------------------- what people say


def acknowledge(journal: Journal, wanted: str, text: str) -> alerts.Alert:
    """Raises StateError (`alert.unknown`, `alert.over`)."""
    alert = find(journal, wanted)
    if not alert.open:
        raise StateError(f"Alert {alert.id} is over since {alert.recovered_at}.", code="alert.over",
                         hint="nothing has to be done", subject=f"alert:{alert.id}")  # fmt: skip
    journal.append(alerts.ACKNOWLEDGED, f"alert:{alert.model}", {"alert": alert.id, "note": text})
    return find(journal, alert.id)


def find(journal: Journal, wanted: str) -> alerts.Alert:
    """By id or a unique beginning of one."""
    found = [alert for alert in alerts.fold(journal.read()) if alert.id.startswith(wanted)]
    if len(found) != 1 or not wanted:
        raise StateError(f"There is {'more than one' if found else 'no'} alert '{wanted[:40]}'.", code="alert.unknown",
                         hint="`modelwright alerts list` names them", subject="alert")  # fmt: skip
    return found[0]


def find_incident(events: Sequence[Event], wanted: str) -> incidents.Incident:
    """Raises StateError (`incident.unknown`)."""
    found = [one for one in incidents.fold(events) if one.id.startswith(wanted)]
    if len(found) != 1 or not wanted:
        many = "more than one" if found else "no"
        raise StateError(f"There is {many} incident '{wanted[:40]}'.",
                         code="incident.unknown", hint="`modelwright incidents list` names them",
                         subject="incident")  # fmt: skip
    return found[0]


def close_incident(context: Context, wanted: str, text: str) -> dict[str, Any]:
    """Raises StateError (`incident.unknown`, `incident.closed`, `incident.alerts_open`)."""
    workspace = workspace_of(context)
    journal = workspace.journal()
    events = list(journal.read())
    found = find_incident(events, wanted)
    if found.closed_at:
        raise StateError(f"Incident {found.id} was closed at {found.closed_at}.", code="incident.closed",
                         hint="`modelwright incidents show` has its summary", subject=found.id)  # fmt: skip
    if found.still_open:
        raise StateError(
            f"Incident {found.id} has {len(found.still_open)} open alerts: {found.still_open[0].message}",
            code="incident.alerts_open",
            hint="an alert ends when what it says is over; `modelwright watch NAME --once` looks again",
            subject=found.id,
        )
    payload = {"incident": found.id, "note": text}
    journal.append(incidents.CLOSED, f"alert:{found.model}", payload, expected=events[-1].sequence)
    events = list(journal.read())
    found = find_incident(events, found.id)
    path = workspace.root / "incidents" / f"{found.id}.md"
    write_atomically(path, incidents.markdown(events, found).encode())
    return {"incident": found.id, "model": found.model, "closed_at": found.closed_at, "summary": str(path)}
