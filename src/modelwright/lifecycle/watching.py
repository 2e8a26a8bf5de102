"""Watch a live model: look, decide, retrain, drive the rollout, tell. Rounds one after another, each may be the last.

What could not be looked at in a round is said in its result and leaves alerts as they are: silence is no recovery.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from modelwright.core.clock import Clock
from modelwright.core.errors import ModelwrightError, StateError
from modelwright.core.nouns import Event, ModelVersion
from modelwright.lifecycle import health
from modelwright.lifecycle.alerting import Teller, note, workspace_of
from modelwright.lifecycle.declared import Declared, declared, in_charge
from modelwright.lifecycle.operation import Context
from modelwright.lifecycle.retraining.running import leases, retrain
from modelwright.lifecycle.workspace import Workspace
from modelwright.monitoring import policy, slo
from modelwright.monitoring.alerts import Signal

#: a job that a later round may mend stays open this long before somebody is told
_HELD_OUTCOMES = ("held",)
_LEASE_S = 90.0


@dataclass(slots=True)
class _Look:
    """What one round found; `judged` are the kinds of alerts that were looked at."""

    signals: list[Signal] = field(default_factory=list)
    judged: set[str] = field(default_factory=set)
    problems: list[dict[str, str]] = field(default_factory=list)
    drift: bool = False
    decay: bool = False
    audit: dict[str, Any] | None = None

    def attempt(self, what: str, work: Callable[[], None]) -> None:
        """One look; what goes wrong in it does not stop the others."""
        try:
            work()
        except ModelwrightError as error:
            self.problems.append({"what": what, "code": error.code, "message": error.message})


class Watcher:
    """One per process and model. `pipeline` names a file that is read anew each round, else the live version's own."""

    def __init__(self, name: str, context: Context, pipeline: str | None = None) -> None:
        self.name, self.context, self.pipeline = name, context, pipeline
        self.started = context.clock.now()
        self._log_failures: float | None = None
        self._teller: Teller | None = None

    def watch(self, every_s: float, stop: threading.Event, tell: Callable[[dict[str, Any]], None]) -> None:
        """Rounds until `stop`, by one watcher at a time. Raises StateError (`lease.held`) where there is one."""
        workspace = workspace_of(self.context)
        in_charge(workspace, self.name)
        with leases(workspace, self.context).held(f"watch:{self.name}", _LEASE_S):
            while True:
                tell(self.round())
                if stop.wait(every_s):
                    return

    def once(self) -> dict[str, Any]:
        """One round. Raises StateError (`lease.held`) where a watcher is at work."""
        workspace = workspace_of(self.context)
        in_charge(workspace, self.name)
        with leases(workspace, self.context).held(f"watch:{self.name}", _LEASE_S):
            return self.round()

    def round(self) -> dict[str, Any]:
        workspace = workspace_of(self.context)
        known = declared(workspace, self.name, self.pipeline)
        teller = self._teller_for(known)
        look, now = _Look(), self.context.clock.now()
        champion = in_charge(workspace, self.name)
        look.attempt("health", lambda: self._health(look, workspace, known, now))
        look.attempt("drift", lambda: _drift(look, workspace, known, champion))
        look.attempt("decay", lambda: _decay(look, workspace, known, champion, self.context.clock))
        done: dict[str, Any] = {"trigger": "", "waiting": "", "job": None}
        look.attempt("retraining", lambda: done.update(self._retrain(look, workspace, known, now)))
        look.attempt("rollout", lambda: done.update(_drive(workspace, self.name, self.context)))
        journal = workspace.journal()
        _standing(look, list(journal.read()), self.name)
        noted = note(journal, self.name, look.signals, look.judged, known.spec.alerts, self.context)
        return {
            "model": self.name,
            "champion": in_charge(workspace, self.name).version,
            "signals": [
                {"about": each.about, "subject": each.subject, "message": each.message} for each in look.signals
            ],
            "alerts": [event.kind for event in noted],
            "messages": teller.tell(),
            "problems": look.problems,
            "audit": look.audit,
            **done,
        }

    def _teller_for(self, known: Declared) -> Teller:
        """The same one while the declaration stays, since it knows which notifiers hang."""
        if self._teller is None or self._teller.spec != known.spec.alerts:
            self._teller = Teller(self.name, known.spec.alerts, self.context)
            self._teller.check()
        return self._teller

    def _health(self, look: _Look, workspace: Workspace, known: Declared, now: datetime) -> None:
        spec = known.spec.monitoring
        if spec.metrics_url is None:
            return
        metrics = health.fetch(spec.metrics_url)
        health.keep(workspace, self.name, health.sample_of(metrics, self.name, spec.slo, now))
        look.signals += slo.signals(slo.judge(health.samples(workspace, self.name, now), spec.slo, now.timestamp()))
        look.judged.add("slo")
        failures = health.of_server(metrics, self.name)["log_failures"]
        before, self._log_failures = self._log_failures, failures
        if before is None:
            return
        look.judged.add("log_failures")
        if failures > before:
            message = f"{failures - before:.0f} commits of the prediction log failed since the last look."
            look.signals.append(Signal(about="log_failures", subject="log", message=message))

    def _retrain(self, look: _Look, workspace: Workspace, known: Declared, now: datetime) -> dict[str, Any]:
        spec = known.spec.retraining
        journal = workspace.journal()
        events = list(journal.read())
        cut_off = policy.unfinished(policy.fold(events, self.name))
        if cut_off is None and spec is None and not policy.asked(events, self.name):
            return {}
        if cut_off is not None:
            job = retrain(known, self.context, cut_off.trigger)
            return {"trigger": cut_off.trigger, "job": _shown(job)}
        from modelwright.spec.monitoring import RetrainingSpec

        said = spec or RetrainingSpec()
        source = _source(known) if said.on_new_data else ""
        since, _ = policy.baseline(events, self.name)
        if since is None or policy.skipped(events, self.name, said, self.started):
            journal.append(policy.WATCHED, f"retraining:{self.name}", {"source": source})
            events = list(journal.read())
        rows, labels = _arrived(workspace, self.name, since or now, said)
        seen = policy.Seen(drift=look.drift, decay=look.decay, rows=rows, labels=labels, source=source)
        found = policy.decide(events, self.name, said, seen, now)
        if not found.trigger:
            return {"waiting": found.waiting}
        return {"trigger": found.trigger, "job": _shown(retrain(known, self.context, found.trigger, source))}


def _shown(job: policy.Job) -> dict[str, Any]:
    version = job.stages.get("trained", {}).get("version")
    return {"id": job.id, "outcome": job.outcome, "reason": job.reason, "version": version}


# ---------------------------------------------------------------- looks


def _since(workspace: Workspace, name: str, champion: ModelVersion) -> datetime:
    """Since when this version is in charge."""
    at = champion.created_at
    for event in workspace.journal().read():
        if event.subject == f"model:{name}" and champion.version in (
            event.payload.get("version") if event.payload.get("alias") == "champion" else None,
            event.payload.get("champion"),
        ):
            at = event.at
    return datetime.fromisoformat(at)


def _drift(look: _Look, workspace: Workspace, known: Declared, champion: ModelVersion) -> None:
    """Logged rows since this version is in charge against the reference in its own bundle."""
    spec = known.spec.monitoring.drift
    if not spec.enabled or not _logged_any(workspace, known.name):
        return
    from modelwright.lifecycle.drifting import LOG, Wanted, drift_between
    from modelwright.monitoring.drift_tables import Options
    from modelwright.monitoring.windows import width

    which = f"{known.name}:{champion.version}"
    wanted = Wanted(
        reference=which, current=LOG + which, ignore=tuple(spec.ignore), since=_since(workspace, known.name, champion)
    )
    options = Options(window=width(str(spec.window)), alarms_per_day=spec.alarms_per_day)
    found = drift_between(wanted, options, workspace.root)
    look.judged |= {"drift", "quality"}
    look.drift = bool(found["alarm"])
    for name in found["alarmed"]:
        look.signals.append(
            Signal(about="drift", subject=f"column:{name}", message=f"{name} has moved: {_effect(found, name)}.")
        )
    if found["alarm"] and not found["alarmed"]:
        look.signals.append(Signal(about="drift", subject="joint", message="The columns together have moved."))
    for finding in found["findings"]:
        if finding["severity"] in ("medium", "high", "critical"):
            look.signals.append(Signal(about="quality", subject=f"{finding['subject']} {finding['code']}",
                                       message=finding["message"]))  # fmt: skip


def _effect(found: dict[str, Any], name: str) -> str:
    every = [
        each for window in found["windows"] for each in window["features"] if each["name"] == name and each["alarm"]
    ]
    last = every[-1]
    return f"{last['kind']}, {last['measure']} {last['effect']:.3g}, adjusted p {last['p_adjusted']:.2g}"


def _decay(look: _Look, workspace: Workspace, known: Declared, champion: ModelVersion, clock: Clock) -> None:
    """Errors on labelled rows since this version is in charge."""
    if not known.spec.monitoring.decay.enabled or not _logged_any(workspace, known.name):
        return
    from modelwright.lifecycle import decaying_live

    spec, since = known.spec.monitoring.decay, _since(workspace, known.name, champion)
    look.audit = decaying_live.draw_due(workspace, known.name, spec, since, clock)
    found = decaying_live.look(workspace, champion, spec, since, clock.now())
    if found.judged:
        look.judged.add("decay")
        look.decay = found.decay
        look.signals += found.signals


def _logged_any(workspace: Workspace, name: str) -> bool:
    from modelwright.lifecycle.prediction_log import log_folder, read

    return log_folder(workspace.root).is_dir() and read(workspace.root, name, verify=False).head(1).collect().height > 0


def _arrived(workspace: Workspace, name: str, since: datetime, spec: Any) -> tuple[int, int]:
    """Predictions and labels since then, counted only where a trigger asks."""
    import polars as pl

    from modelwright.lifecycle.prediction_log import joined, log_folder, read

    rows = labels = 0
    if not log_folder(workspace.root).is_dir():
        return 0, 0
    if spec.new_rows is not None:
        rows = read(workspace.root, name, since, verify=False).select(pl.len()).collect().item()
    if spec.new_labels is not None:
        labels = (
            joined(workspace.root, name, verify=False)
            .filter(pl.col("arrived_at") >= since)
            .select(pl.len())
            .collect()
            .item()
        )
    return int(rows), int(labels)


def _source(known: Declared) -> str:
    """Names the source's content."""
    from modelwright.core.digests import digest_file
    from modelwright.lifecycle.prepare import read_source

    file = known.base_dir / Path(known.spec.data.source)
    return digest_file(file) if file.is_file() else read_source(known.spec, known.base_dir).digest


# ---------------------------------------------------------------- what stands


def _standing(look: _Look, events: list[Event], name: str) -> None:
    """States that are wrong until something better follows: the last retraining, the last rollout."""
    from modelwright.registry import rollout_state

    jobs = [job for job in policy.fold(events, name) if job.outcome and job.outcome != "nothing_new"]
    look.judged |= {"retraining_held", "retraining_failed", "rollout_stopped"}
    if jobs and jobs[-1].outcome in ("held", "failed"):
        job = jobs[-1]
        about = "retraining_held" if job.outcome == "held" else "retraining_failed"
        look.signals.append(Signal(about=about, subject=job.id, message=f"{job.id} was {job.outcome}: {job.reason}"))
    rollouts = [one for one in rollout_state.fold(events) if one.name == name]
    if rollouts and (rollouts[-1].state == "held" or (rollouts[-1].state == "aborted" and rollouts[-1].rule)):
        last = rollouts[-1]
        message = f"Rollout {last.id} was stopped: {last.reason or last.rule}"
        look.signals.append(Signal(about="rollout_stopped", subject=last.id, message=message))


def _drive(workspace: Workspace, name: str, context: Context) -> dict[str, Any]:
    """One look at the rollout that a retraining began; another's is its own driver's."""
    from modelwright.lifecycle.rolling_out import driving
    from modelwright.registry import rollout_state

    events = list(workspace.journal().read())
    active = rollout_state.active_of(events, name)
    mine = {event.payload.get("rollout") for event in events if event.kind == "retraining.promoted"}
    if active is None or active.state != "running" or active.id not in mine:
        return {}
    token = driving.claim(workspace, name)
    try:
        tick = driving.tick(workspace, name, token, clock=context.clock)
    except StateError as error:
        if error.code in ("rollout.fenced", "rollout.none"):
            return {}
        raise
    return {"rollout": {"id": active.id, "move": str(getattr(tick, "move", ""))[:300]}}
