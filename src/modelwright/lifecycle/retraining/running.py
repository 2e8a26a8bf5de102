"""One retraining from its lease to its end; a rerun goes on after the last stage that the journal has.

Stages: `gathered` (tables written), `screened` (poisoning), `trained` (a run, a version, its verdict), `compared`
(paired, on frozen and on recent rows), `promoted` (alias moved or rollout begun). Then `retraining.finished` with an
outcome, or `retraining.failed`. Failpoints stand before and after each, `retrain.<stage>` and `retrain.<stage>.done`,
and where something was done and is not noted yet: `run.written`, `run.registered`, `retrain.trained.run` and
`retrain.promoted.moved`. The version bears the job's name, so that a job registers one however often it is cut off.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from modelwright.core.errors import AdapterError, ModelwrightError, StateError
from modelwright.core.nouns import Decision, ModelVersion
from modelwright.core.run import RunRecord
from modelwright.lifecycle.declared import Declared, in_charge
from modelwright.lifecycle.failpoints import reached
from modelwright.lifecycle.leases import Leases
from modelwright.lifecycle.operation import Context, Progress
from modelwright.lifecycle.retraining import comparing
from modelwright.lifecycle.retraining.fencing import FencedJournal
from modelwright.lifecycle.retraining.rows import NEW, OLD, TRAIN, frozen_rows, gather, kinds_of, schema_of
from modelwright.lifecycle.workspace import Workspace
from modelwright.monitoring import policy
from modelwright.monitoring.policy import Job
from modelwright.spec.monitoring import RetrainingSpec

LEASE_S = 60.0
#: how often a job is taken up without another finished stage before it has failed
_MOST_CLAIMS = 10
#: what a later round may mend: the job stays open
_PASSING = frozenset({"workspace.busy", "journal.lost_race", "lease.lost"})


class HeldError(Exception):
    """The challenger does not go live, and why."""

    def __init__(self, reason: str, outcome: str = "held", **facts: Any) -> None:
        super().__init__(reason)
        self.reason, self.outcome, self.facts = reason, outcome, facts


@dataclass(slots=True)
class _Running:
    declared: Declared
    spec: RetrainingSpec
    context: Context
    workspace: Workspace
    journal: FencedJournal
    job: Job

    @property
    def folder(self) -> Path:
        return self.workspace.root / "retraining" / self.declared.name / self.job.id


def leases(workspace: Workspace, context: Context) -> Leases:
    return Leases(workspace.root / "leases.sqlite", context.clock)


def retrain(declared: Declared, context: Context, trigger: str, source: str = "") -> Job:
    """Begin a retraining, or go on with the one that was cut off. Raises StateError (`lease.held`) while another
    process is at it, and whatever a stage raises; the champion is not touched by any of it."""
    workspace = Workspace(context.workspace, actor=context.actor, clock=context.clock)
    name = declared.name
    in_charge(workspace, name)
    with leases(workspace, context).held(f"retraining:{name}", LEASE_S) as lease:
        journal = FencedJournal(workspace.journal(), name, lease.token)
        running = _Running(
            declared, declared.spec.retraining or RetrainingSpec(), context, workspace, journal,
            _begin(workspace, journal, name, trigger, source),
        )  # fmt: skip
        try:
            _check_progress(running)
            _go_on(running)
        except HeldError as held:
            _end(running, policy.FINISHED, outcome=held.outcome, reason=held.reason, **held.facts)
        except ModelwrightError as error:
            if error.code not in _PASSING and not (isinstance(error, AdapterError) and error.retryable):
                _end(running, policy.FAILED, reason=error.message, code=error.code)
            raise
        except OSError as error:
            raise AdapterError(
                f"The retraining of '{name}' could not write: {error.strerror or error}.",
                code="disk.full",
                hint="make room; it goes on after its last finished stage, and the champion serves meanwhile",
                subject=f"retraining:{name}",
                retryable=True,
            ) from error
    return next(job for job in reversed(policy.fold(journal.read(), name)) if job.id == running.job.id)


def _begin(workspace: Workspace, journal: FencedJournal, name: str, trigger: str, source: str) -> Job:
    """Claim the job that goes on, or start one. From here on every older token is refused."""
    jobs = policy.fold(journal.read(), name)
    cut_off = policy.unfinished(jobs)
    if cut_off is not None:
        journal.stage(policy.CLAIMED, {"job": cut_off.id})
        return cut_off
    champion = in_charge(workspace, name)
    payload = {"job": f"{name}-r{len(jobs) + 1}", "trigger": trigger, "champion": champion.version, "source": source}
    journal.stage(policy.STARTED, payload)
    reached("retrain.started.done")
    return policy.fold(journal.read(), name)[-1]


def _check_progress(running: _Running) -> None:
    """Raises StateError (`retraining.stuck`) for a job that was taken up again and again without another stage."""
    claims = 0
    for event in running.journal.read():
        if event.subject == f"retraining:{running.declared.name}" and event.payload.get("job") == running.job.id:
            claims = claims + 1 if event.kind == policy.CLAIMED else 0
    if claims > _MOST_CLAIMS:
        raise StateError(
            f"{running.job.id} was cut off {claims} times after stage {list(running.job.stages)[-1:] or 'none'}.",
            code="retraining.stuck",
            hint="look at what kills it: memory, a deadline of the machine, a plugin",
            subject=f"retraining:{running.declared.name}",
        )


def _go_on(running: _Running) -> None:
    """Every stage that the journal does not have yet, in order."""
    work = {
        "gathered": _gather,
        "screened": _screen,
        "trained": _train,
        "compared": _compare,
        "promoted": _promote,
    }
    for stage, make in work.items():
        if stage not in running.job.stages:
            reached(f"retrain.{stage}")
            running.context.progress(Progress(step=stage, message=f"{running.job.id} by {running.job.trigger}"))
            found = {"job": running.job.id, **make(running)}
            running.journal.stage(f"retraining.{stage}", found)
            running.job = msgspec.structs.replace(running.job, stages={**running.job.stages, stage: found})
            reached(f"retrain.{stage}.done")
        _judge_stage(running, stage)
    rollout = running.job.stages["promoted"].get("rollout", "")
    _end(running, policy.FINISHED, outcome="rolling_out" if rollout else "promoted",
         reason=running.job.stages["compared"]["reason"], version=running.job.stages["trained"]["version"])  # fmt: skip


def _end(running: _Running, kind: str, **facts: Any) -> None:
    running.journal.stage(kind, {"job": running.job.id, **facts})
    reached("retrain.finished.done")


def _judge_stage(running: _Running, stage: str) -> None:
    """Raises HeldError where what a stage found keeps the challenger from going on."""
    found = running.job.stages[stage]
    if stage == "gathered" and not found["new"] and running.job.trigger != policy.BY_HAND:
        raise HeldError("no row is new since the champion was trained", "nothing_new")
    if stage == "gathered" and running.job.trigger != policy.BY_HAND and _tried(running, found["digest"]):
        raise HeldError("these very rows were tried against this champion before", "nothing_new")
    if stage == "screened" and found["held"]:
        raise HeldError(f"the new rows look poisoned: {found['held'][0]['message']}", code=found["held"][0]["code"])
    if stage == "trained" and found["decision"] == Decision.NEEDS_REWORK.value:
        raise HeldError(f"version {found['version']} needs rework: {found['why']}", version=found["version"])
    if stage == "compared" and not found["passed"]:
        version = running.job.stages["trained"]["version"]
        raise HeldError(f"version {version}: {found['reason']}", version=version)
    if stage == "compared" and running.spec.strategy == "hold":
        version = running.job.stages["trained"]["version"]
        raise HeldError(f"version {version} passed ({found['reason']}); a person promotes it", version=version)


def _tried(running: _Running, digest: str) -> bool:
    """Whether an earlier job held a challenger from the same rows against the same champion."""
    return any(
        job.stages.get("gathered", {}).get("digest") == digest
        and (job.champion, job.outcome) == (running.job.champion, "held")
        for job in policy.fold(running.journal.read(), running.declared.name)
        if job.id != running.job.id
    )


# ---------------------------------------------------------------- stages


def _champion(running: _Running) -> ModelVersion:
    from modelwright.registry.versions import show

    return show(running.journal, running.declared.name, running.job.champion)


def _gather(running: _Running) -> dict[str, Any]:
    found = gather(running.workspace, running.declared, _champion(running), running.spec, running.folder)
    return {name: getattr(found, name) for name in found.__slots__}


def _screen(running: _Running) -> dict[str, Any]:
    import polars as pl

    from modelwright.data.target import labels
    from modelwright.monitoring.poisoning import screen

    record = running.workspace.read_run(_champion(running).run_id)
    schema, classes = schema_of(record), record.signature.classes if record.signature is not None else ()
    old, new = (pl.read_parquet(running.folder / name) for name in (OLD, NEW))
    target = schema.target
    if target is not None and classes:
        old, new = (frame.with_columns(labels(frame[target]).alias(target)) for frame in (old, new))
    found = screen(old, new, kinds_of(schema), target, running.spec, classes=classes)
    shown = msgspec.to_builtins(found)
    return {"findings": shown, "held": [each for each in shown if each["blocking"]] if new.height else []}


def _train(running: _Running) -> dict[str, Any]:
    """The same spec on the gathered rows. A run that was cut off resumes from its finished steps and units; one that
    has its version is not made again."""
    started = time.monotonic()
    record = _made_before(running) or _run(running)
    reached("retrain.trained.run")
    verdict = record.verdict
    return {
        "run_id": record.run_id,
        "version": record.version,
        "decision": verdict.decision.value if verdict is not None else Decision.NEEDS_REWORK.value,
        "why": verdict.reasons[0] if verdict is not None and verdict.reasons else "no reason was given",
        "seconds": round(time.monotonic() - started, 3),
    }


def _made_before(running: _Running) -> RunRecord | None:
    """The run of this job that was registered before the job was cut off."""
    from modelwright.lifecycle.registering import close_dead_runs
    from modelwright.registry.versions import by_attempt

    made = by_attempt(running.journal, running.declared.name, running.job.id)
    if made is None:
        return None
    with running.workspace.only_writer():
        close_dead_runs(running.workspace, running.context.clock)
    return msgspec.structs.replace(running.workspace.read_run(made.run_id), version=made.version)


def _run(running: _Running) -> RunRecord:
    from modelwright.lifecycle.pipeline import Order, execute

    declared = running.declared
    schema = schema_of(running.workspace.read_run(_champion(running).run_id))
    types = {column.name: column.type for column in schema.columns}
    data = msgspec.structs.replace(
        declared.spec.data, source=str(running.folder / TRAIN), table=None, sample_rate=1.0, prepare=None, types=types
    )
    order = Order(
        spec=msgspec.structs.replace(declared.spec, data=data), text=declared.text, base_dir=declared.base_dir,
        name=declared.name, attempt=running.job.id, ledger=running.journal,
    )  # fmt: skip
    return execute(order, running.context)


def _compare(running: _Running) -> dict[str, Any]:
    from modelwright.registry.versions import show

    name, champion = running.declared.name, _champion(running)
    challenger = show(running.journal, name, running.job.stages["trained"]["version"])
    if challenger.version == champion.version:
        return {"passed": False, "reason": "training made the champion again", "frozen": None, "recent": None}
    looks = 1 + sum(
        event.kind == "retraining.compared" and event.subject == f"retraining:{name}"
        for event in running.journal.read()
    )
    frozen = frozen_rows(running.workspace, name, champion)
    parts = comparing.read_parts(running.folder, frozen)
    found = comparing.compare_both(running.workspace, running.declared, (challenger, champion), parts, looks)
    return {**comparing.judge(*found, running.spec).as_dict(), "looks": looks}


def _promote(running: _Running) -> dict[str, Any]:
    """Through the gate, by a journal that only the holder of the lease can write to; done already is done."""
    from modelwright.registry import promotion, rollout_state, rollouts, versions
    from modelwright.registry.rollout_plan import plan

    name, version = running.declared.name, running.job.stages["trained"]["version"]
    reason = f"{running.job.id} by {running.job.trigger}: {running.job.stages['compared']['reason']}"
    strategy, root = running.spec.strategy, running.workspace.root
    now = versions.aliases(running.journal, name).get("champion", promotion.NOBODY)
    if now == version:
        return {"version": version, "rollout": ""}
    if now not in (promotion.NOBODY, running.job.champion):
        raise HeldError(f"version {now} became champion meanwhile", version=version)
    if strategy == "direct":
        wanted = promotion.Promotion(name=name, version=version, reason=reason, expect=now, actor="watch")
        promotion.promote(running.journal, root, wanted)
        reached("retrain.promoted.moved")
        return {"version": version, "rollout": ""}
    active = rollout_state.active_of(running.journal.read(), name)
    if active is not None and active.plan.to == (version,):
        return {"version": version, "rollout": active.id}
    try:
        declared = plan(strategy, (version,), steps=None, stops=())
        begun = rollouts.start(running.journal, root, name, declared, actor="watch", reason=reason)
    except StateError as error:
        if error.code in ("rollout.running", "rollout.route"):
            raise HeldError(f"version {version} passed, but: {error.message}", version=version) from error
        raise
    reached("retrain.promoted.moved")
    return {"version": version, "rollout": begun.id}
