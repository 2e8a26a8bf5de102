"""Retraining as a fold over the journal, and the rule that says whether another one begins.

Events with the subject `retraining:<model>`, each with its job and the fencing token of whoever wrote it:
`retraining.asked`, `retraining.started`, `retraining.claimed`, then one per stage, `retraining.gathered`,
`retraining.screened`, `retraining.trained`, `retraining.compared`, `retraining.promoted`, and at the end
`retraining.finished` or `retraining.failed`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from modelwright.core.nouns import Event
from modelwright.monitoring.triggers import missed
from modelwright.spec.monitoring import RetrainingSpec, seconds

ASKED, STARTED, CLAIMED, WATCHED = (
    "retraining.asked", "retraining.started", "retraining.claimed", "retraining.watched",
)  # fmt: skip
STAGES = ("gathered", "screened", "trained", "compared", "promoted")
FINISHED, FAILED = "retraining.finished", "retraining.failed"
BY_HAND = "by hand"
_DAY_S = 86_400.0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    model: str
    trigger: str
    started_at: str
    champion: int = 0
    token: int = 0
    #: what each finished stage left, by its name
    stages: dict[str, dict[str, Any]] = {}
    outcome: str = ""  # promoted | rolling_out | held | nothing_new | failed; empty while it goes on
    reason: str = ""
    ended_at: str = ""

    @property
    def train_s(self) -> float:
        return float(self.stages.get("trained", {}).get("seconds", 0.0))


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a watcher saw now."""

    drift: bool = False
    decay: bool = False
    rows: int = 0  # predictions since the last job, or since watching began
    labels: int = 0
    source: str = ""  # digest of the source; empty where nobody looked


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """`trigger` is empty where nothing begins; `waiting` then says what would begin and what it waits for."""

    trigger: str = ""
    waiting: str = ""


def fold(events: Iterable[Event], model: str) -> list[Job]:
    """Every job of a model, oldest first."""
    jobs: dict[str, Job] = {}
    for event in events:
        if event.subject != f"retraining:{model}":
            continue
        payload = event.payload
        job = jobs.get(payload.get("job", ""))
        stage = event.kind.removeprefix("retraining.")
        if event.kind == STARTED:
            jobs[payload["job"]] = Job(
                id=payload["job"], model=model, trigger=payload["trigger"], started_at=event.at,
                champion=payload["champion"], token=payload["token"],
            )  # fmt: skip
        elif job is None:
            continue
        elif event.kind == CLAIMED:
            jobs[job.id] = msgspec.structs.replace(job, token=payload["token"])
        elif stage in STAGES:
            jobs[job.id] = msgspec.structs.replace(job, stages={**job.stages, stage: payload})
        elif event.kind in (FINISHED, FAILED):
            outcome = payload.get("outcome", "failed")
            jobs[job.id] = msgspec.structs.replace(
                job, outcome=outcome, reason=payload["reason"], ended_at=event.at, token=payload["token"]
            )
    return list(jobs.values())


def token_of(events: Iterable[Event], model: str) -> int:
    """The newest fencing token that the journal knows of a model's retraining."""
    own = (event.payload.get("token", 0) for event in events if event.subject == f"retraining:{model}")
    return max(own, default=0)


def unfinished(jobs: Sequence[Job]) -> Job | None:
    return next((job for job in reversed(jobs) if not job.outcome), None)


def asked(events: Iterable[Event], model: str) -> bool:
    """Whether somebody asked by hand since the last job began."""
    waiting = False
    for event in events:
        if event.subject == f"retraining:{model}":
            waiting = event.kind == ASKED or (waiting and event.kind != STARTED)
    return waiting


def baseline(events: Iterable[Event], model: str) -> tuple[datetime | None, str]:
    """Since when changes count, and the source's digest then."""
    since, source = None, ""
    for event in events:
        if event.subject == f"retraining:{model}" and event.kind in (WATCHED, STARTED, "retraining.gathered"):
            since = datetime.fromisoformat(event.at) if event.kind != "retraining.gathered" else since
            source = event.payload.get("source") or source
    return since, source


def decide(events: Sequence[Event], model: str, spec: RetrainingSpec, seen: Seen, now: datetime) -> Decision:
    """Whether one begins now, and why or why not."""
    if asked(events, model):
        return Decision(trigger=BY_HAND)
    trigger = _trigger(events, model, spec, seen, now)
    if not trigger:
        return Decision()
    jobs = fold(events, model)
    today = [job for job in jobs if 0 <= _age_s(job, now) < _DAY_S]
    last = jobs[-1] if jobs else None
    if last is not None and 0 <= _age_s(last, now) < seconds(spec.cool_down):
        return Decision(waiting=f"{trigger}: the last one began {_age_s(last, now):.0f} s ago (cool_down)")
    if len(today) >= spec.max_per_day:
        return Decision(waiting=f"{trigger}: {len(today)} began within a day (max_per_day)")
    spent = sum(job.train_s for job in today)
    if spent >= spec.budget_s_per_day:
        return Decision(waiting=f"{trigger}: {spent:.0f} s of training within a day (budget_s_per_day)")
    return Decision(trigger=trigger)


def _trigger(events: Sequence[Event], model: str, spec: RetrainingSpec, seen: Seen, now: datetime) -> str:
    since, source = baseline(events, model)
    if spec.on_decay and seen.decay:
        return "decay"
    if spec.on_drift and seen.drift:
        return "drift"
    if spec.new_labels is not None and seen.labels >= spec.new_labels:
        return f"{seen.labels} labels arrived"
    if spec.new_rows is not None and seen.rows >= spec.new_rows:
        return f"{seen.rows} rows arrived"
    if spec.on_new_data and seen.source and source and seen.source != source:
        return "new data"
    if spec.schedule is not None and since is not None and missed(spec.schedule, since, now):
        return "schedule"
    return ""


def skipped(events: Sequence[Event], model: str, spec: RetrainingSpec, started: datetime) -> bool:
    """Whether a time of the schedule passed before this watcher began, and is not to be made up for."""
    since, _ = baseline(events, model)
    return (
        spec.misfire == "skip"
        and spec.schedule is not None
        and since is not None
        and since < started
        and missed(spec.schedule, since, started)
    )


def _age_s(job: Job, now: datetime) -> float:
    return (now - datetime.fromisoformat(job.started_at)).total_seconds()
