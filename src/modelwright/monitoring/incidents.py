"""Incidents: from the first page until a person closes it, with all that happened to the model meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from modelwright.core.nouns import Event
from modelwright.monitoring import alerts
from modelwright.monitoring.alerts import Alert

CLOSED = "incident.closed"
_SHOWN = ("alias.set", "version.", "rollout.", "retraining.", "route.set", "serving.refused", "snapshot.", "rollback.")


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    model: str
    opened_at: str
    alerts: tuple[Alert, ...]
    closed_at: str = ""
    closed_by: str = ""
    note: str = ""

    @property
    def still_open(self) -> tuple[Alert, ...]:
        return tuple(alert for alert in self.alerts if alert.open)


def fold(events: Sequence[Event]) -> list[Incident]:
    """Every incident, oldest first."""
    members: dict[str, list[Alert]] = {}
    for alert in alerts.fold(events):
        if alert.incident:
            members.setdefault(alert.incident, []).append(alert)
    ends = {event.payload["incident"]: event for event in events if event.kind == CLOSED}
    found = []
    for name, own in members.items():
        end = ends.get(name)
        found.append(
            Incident(
                id=name,
                model=own[0].model,
                opened_at=own[0].opened_at,
                alerts=tuple(own),
                closed_at=end.at if end is not None else "",
                closed_by=end.actor if end is not None else "",
                note=end.payload.get("note", "") if end is not None else "",
            )
        )
    return found


def timeline(events: Iterable[Event], incident: Incident) -> list[dict[str, str]]:
    """What was seen, said and done, in the order of the journal."""
    own = {alert.id for alert in incident.alerts}
    subjects = {f"alert:{incident.model}", f"model:{incident.model}", f"retraining:{incident.model}"}
    begun, lines = False, []
    for event in events:
        mine = event.payload.get("alert") in own
        begun = begun or mine
        if not begun or event.subject not in subjects:
            continue
        if mine or event.kind.startswith(_SHOWN) or event.kind in (alerts.DELIVERED, alerts.UNDELIVERED):
            lines.append({"at": event.at, "by": event.actor, "what": event.kind, "detail": _detail(event)})
        if event.kind == CLOSED and event.payload["incident"] == incident.id:
            lines.append({"at": event.at, "by": event.actor, "what": event.kind, "detail": event.payload["note"]})
            break
    return lines


def markdown(events: Iterable[Event], incident: Incident) -> str:
    """The written summary."""
    end = incident.closed_at or "still open"
    lines = [f"# Incident {incident.id}: {incident.model}", "", f"From {incident.opened_at} to {end}.", ""]
    if incident.note:
        lines += ["## What it was", "", incident.note, ""]
    lines += [
        "## Alerts",
        "",
        "| alert | severity | about | since | until | acknowledged by |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {each.id} | {each.severity} | {_cell(each.message)} | {each.opened_at} | {each.recovered_at or 'open'} | "
        f"{_cell(each.acknowledged_by) or '-'} |"
        for each in incident.alerts
    ]
    lines += ["", "## Timeline", "", "| at | by | what | detail |", "|---|---|---|---|"]
    lines += [
        f"| {line['at']} | {_cell(line['by'])} | {line['what']} | {_cell(line['detail'])} |"
        for line in timeline(events, incident)
    ]
    return "\n".join(lines) + "\n"


def _detail(event: Event) -> str:
    payload = event.payload
    named = ("message", "reason", "notifier", "error", "version", "alias", "trigger", "strategy")
    return "; ".join(f"{name} {payload[name]}" if name != "message" else str(payload[name])
                     for name in named if payload.get(name))  # fmt: skip


def _cell(text: str) -> str:
    """One line that cannot end a table's cell."""
    return " ".join(text.split()).replace("|", "\\|")[:300]
