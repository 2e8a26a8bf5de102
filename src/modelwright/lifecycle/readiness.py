"""Measure a model as it would be deployed, on the real serving plane, and judge whether it is ready.

A server is started on a free loopback port, asked golden rows, put under load at one connection and at sixteen, and
ended; the model is made to fail in this process to see who answers; the rest is read from the journal, the bundle, the
`serving:` section and the log. Every measurement is bounded in time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.checks.deployment_evidence import (
    Access,
    Deployment,
    DeploymentEvidence,
    Drilled,
    Fallback,
    Latency,
    LogState,
    Monitoring,
    Parity,
    Targets,
)
from modelwright.core.errors import ModelwrightError
from modelwright.core.nouns import ChecklistItem, Finding, ModelVersion, Severity, Verdict
from modelwright.lifecycle.operation import Progress
from modelwright.spec.serving import ServingSpec

if TYPE_CHECKING:
    from modelwright.lifecycle.operation import Context
    from modelwright.lifecycle.workspace import Workspace

_CONNECTIONS = (1, 16)
_MOST_REQUESTS, _LONGEST_S, _WARM = {1: 400, 16: 1_600}, 8.0, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be deployed, where, and what it has to keep."""

    name: str
    which: str = "champion"
    config: Path | None = None
    beyond_loopback: bool = False
    tls: bool = False
    targets: Targets = field(default_factory=Targets)
    hooks: Sequence[str] = ()


def measure(space: Workspace, plan: Plan, context: Context) -> tuple[ModelVersion, Deployment]:
    """Raises NotFoundError (`model.unknown`, `version.unknown`), SpecError, ModelError (`bundle.*`)."""
    from modelwright.lifecycle.rolling_back import check
    from modelwright.registry import reigns, versions

    journal = space.journal()
    how = reigns.past(journal.read(), plan.name)
    version = versions.show(journal, plan.name, how.live if plan.which == "champion" else plan.which)
    folder = space.root / version.bundle_path
    check(folder, version, plan.hooks)
    config = plan.config if plan.config is not None else _own_config(folder)
    spec = _serving(config)
    context.progress(Progress(step="review", message=f"serving version {version.version} of {plan.name}"))
    served = _measured(space, folder, config, plan, context)
    context.progress(Progress(step="review", message="making the model fail"))
    return version, Deployment(
        name=plan.name,
        version=version.version,
        targets=plan.targets,
        size_bytes=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
        fallback=_fallback(folder, version, spec, plan),
        monitoring=_monitoring(folder),
        drill=_drilled(space, plan.name, context.clock.now()),
        access=_access(space, plan, spec, context.clock.now()),
        log=_log(space, spec),
        **served,
    )


def judge(deployment: Deployment, record: Any) -> tuple[tuple[Finding, ...], Verdict]:
    """The findings of the deployment rules, and their fold with its checklist."""
    from modelwright.checks.run import run_checks
    from modelwright.checks.verdict import fold, of_kind

    findings = of_kind(run_checks("deployment", DeploymentEvidence(record=record, deployment=deployment)), "deployment")
    verdict = fold(findings, "deployment", record=record)
    return findings, msgspec.structs.replace(verdict, checklist=checklist(deployment, findings))


# ---------------------------------------------------------------- on the serving plane


def _measured(space: Workspace, folder: Path, config: Path | None, plan: Plan, context: Context) -> dict[str, Any]:
    """Latency, memory, load time and parity; what a server that does not come up leaves unmeasured stays None."""
    from modelwright.lifecycle.trial_server import differs, golden_requests, trial_server
    from modelwright.registry.manifest import decode
    from modelwright.registry.parity import TOLERANCE

    manifest = decode((folder / "manifest.json").read_bytes())
    path = f"/v1/models/{manifest.name}/predict"
    with trial_server(space.root, str(folder), config=config, hooks=plan.hooks) as server:
        asked, different, why, bodies = 0, 0, "", []
        for body, answer in golden_requests(folder):
            status, reply = server.ask(path, body)
            if status != 200:
                why = f"status {status}"
                continue
            asked += 1
            bodies.append(body)
            wanted = None if manifest.scorers.batch_only else answer
            different += bool(reply.get("degraded")) or differs(reply, wanted, TOLERANCE)
        latencies = (
            tuple(_latency(server.port, path, bodies, count, context) for count in _CONNECTIONS) if bodies else ()
        )
        return {
            "parity": Parity(scorer=manifest.scorers.chosen, asked=asked, different=different, why=why),
            "latencies": latencies,
            "memory_bytes": _metric(server.ask("/metrics")[1], "modelwright_memory_bytes"),
            "load_s": float(server.facts["started_s"]),
        }


def _latency(port: int, path: str, bodies: Sequence[bytes], connections: int, context: Context) -> Latency:
    from modelwright.lifecycle.trial_server import Load, quantile

    context.progress(Progress(step="review", message=f"latency at {connections} connections"))
    ends = time.monotonic() + _LONGEST_S
    with Load(port, path, bodies, connections) as load:
        while (
            load.count < _MOST_REQUESTS[connections] + _WARM
            and not len(load.failures) > _WARM
            and time.monotonic() < ends
        ):
            time.sleep(0.005)
    took = load.latencies_s[_WARM:] or load.latencies_s
    return Latency(
        connections=connections, requests=load.count, failed=len(load.failures),
        p50_ms=round(quantile(took, 0.5) * 1e3, 3), p99_ms=round(quantile(took, 0.99) * 1e3, 3),
    )  # fmt: skip


def _metric(text: str, name: str) -> float | None:
    """The largest of a family: of several workers the fattest counts."""
    found = [float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
    return max(found, default=None)


def _fallback(folder: Path, version: ModelVersion, spec: ServingSpec, plan: Plan) -> Fallback:
    """Ask a model whose scorer raises, with the chain of fallbacks that the server would use. Nobody is the last good
    version here: a server has one only after its first swap."""
    from modelwright.lifecycle.trial_server import golden_requests
    from modelwright.serving import live
    from modelwright.serving.asking import Ask
    from modelwright.serving.fallback import FAST, Chain
    from modelwright.serving.plane import Plane
    from modelwright.serving.routing import Arm, Route
    from modelwright.serving.swapping import Place

    counted: list[str] = []
    plane = Plane()

    def load(path: Path, number: int) -> live.Served:
        return live.load(path, plan.name, number, spec, probe=False, hooks=plan.hooks)

    served = load(folder, version.version)
    chain = Chain(
        plane, lambda _name: None, lambda _name: spec, soon=lambda call: call(),
        count=lambda name, labels: counted.append(labels[-1]) if name == "degraded" else None,
    )  # fmt: skip
    fast = folder.with_name("fast")
    if FAST in spec.fallback and (fast / "manifest.json").is_file():
        chain.fetch(plan.name, {FAST: Place(version=version.version, folder=str(fast), digest="")},
                    lambda _name, place: load(Path(place.folder), place.version))  # fmt: skip
        ends = time.monotonic() + _LONGEST_S
        while FAST not in chain.spares(plan.name) and time.monotonic() < ends:
            time.sleep(0.01)
    plane.put(served)
    plane.set_route(plan.name, Route(arms=(Arm(version=version.version, weight=1.0, label="champion"),)))

    def fails(rows: Any) -> Any:
        raise RuntimeError("made to fail by the review")

    served.score = fails  # type: ignore[method-assign]
    why = ""
    for body, _ in golden_requests(folder):
        try:
            answer = plane.answer(Ask(model=plan.name, body=body))
        except ModelwrightError as error:
            why = error.message
            continue
        if answer.degraded and counted:
            return Fallback(declared=tuple(spec.fallback), by=counted[-1])
    return Fallback(declared=tuple(spec.fallback), by="", why=why)


# ---------------------------------------------------------------- what is read


def _own_config(folder: Path) -> Path | None:
    pipeline = folder.parent / "pipeline.yaml"
    return pipeline if pipeline.is_file() and b"serving" in pipeline.read_bytes() else None


def _serving(config: Path | None) -> ServingSpec:
    if config is None:
        return ServingSpec()
    from modelwright.spec.serving_file import load_serving

    return load_serving(config)


def _monitoring(folder: Path) -> Monitoring | None:
    """What the pipeline declares; a default that nobody wrote down watches nothing."""
    from modelwright.spec.load import load_spec

    pipeline = folder.parent / "pipeline.yaml"
    reference = (folder / "reference.json").is_file()
    if not pipeline.is_file() or b"monitoring" not in pipeline.read_bytes():
        return Monitoring(reference=reference, drift=False, decay=False, alerts=0)
    try:
        spec = load_spec(pipeline).spec
    except ModelwrightError:
        return None
    watch, alerts = spec.monitoring, spec.alerts
    return Monitoring(
        reference=reference, drift=watch is not None and watch.drift.enabled,
        decay=watch is not None and watch.decay.enabled, alerts=0 if alerts is None else len(alerts.notifiers),
    )  # fmt: skip


def _drilled(space: Workspace, name: str, now: datetime) -> Drilled | None:
    from modelwright.registry.drills import last_drill

    found = last_drill(space.journal().read(), name)
    if found is None:
        return None
    age = now - datetime.fromisoformat(found.at)
    return Drilled(
        ok=found.ok,
        age_days=age.total_seconds() / 86_400,
        pointer_s=found.pointer_s,
        failed=found.failed,
        why=found.why,
    )


def _access(space: Workspace, plan: Plan, spec: ServingSpec, now: datetime) -> Access:
    from modelwright.registry import keys

    known = [key for key in keys.fold(space.journal().read()) if key.live(now)]
    limits = (
        f"{spec.max_rows:,} rows, {spec.max_bytes / 2**20:g} MB, {spec.deadline_ms / 1e3:g} s, {spec.queue:,} waiting"
    )
    return Access(keys=len(known), beyond_loopback=plan.beyond_loopback, tls=plan.tls, limits=limits)


def _log(space: Workspace, spec: ServingSpec) -> LogState:
    from modelwright.lifecycle.prediction_log import log_folder
    from modelwright.records.manifest import Manifest

    folder, damaged = log_folder(space.root), ""
    if folder.is_dir():
        try:
            absent = [file.path for file in Manifest(folder).files() if not (folder / file.path).is_file()]
            damaged = f"{len(absent)} sealed files are missing, such as {absent[0]}" if absent else ""
        except ModelwrightError as error:
            damaged = error.message
    return LogState(
        enabled=spec.log.enabled,
        durability=spec.log.durability,
        retention_days=spec.log.retention_days,
        damaged=damaged,
    )


# ---------------------------------------------------------------- the checklist


def checklist(found: Deployment, findings: Sequence[Finding]) -> tuple[ChecklistItem, ...]:
    """Ten questions, each with what was measured; a finding makes the answer no or partly."""
    return tuple(_item(question, codes, evidence, findings) for question, codes, evidence in _questions(found))


def _questions(found: Deployment) -> list[tuple[str, tuple[str, ...], str]]:
    latency = "; ".join(
        f"{one.connections} connections: p50 {one.p50_ms:.1f} ms, p99 {one.p99_ms:.1f} ms of {one.requests} requests"
        for one in found.latencies
    )
    parity, fallback, drill = found.parity, found.fallback, found.drill
    access, log, watch = found.access, found.log, found.monitoring
    megabytes = "" if found.memory_bytes is None else f"{found.memory_bytes / 1e6:.0f} MB in a worker"
    return [
        ("Is it quick enough?", ("deployment.p99", "deployment.failed_requests", "deployment.latency"), latency),
        ("Is it small enough?", ("deployment.size",), f"{(found.size_bytes or 0) / 1e6:.2f} MB on the disk"),
        ("Is its memory within bounds?", ("deployment.memory",), megabytes),
        ("Does it load quickly?", ("deployment.load_time",),
         "" if found.load_s is None else f"{found.load_s:.2f} s until it answered"),
        ("Does the served model answer as the trained one?", ("deployment.served_parity", "deployment.parity",
                                                              "deployment.slow_path"),
         "" if parity is None else f"{parity.asked} golden rows over HTTP, {parity.different} differ; {parity.scorer}"),
        ("Was the fallback tried?", ("deployment.fallback",),
         "" if fallback is None else f"the model was made to fail and {fallback.by or 'nobody'} answered"),
        ("Is it monitored?", ("deployment.monitoring",),
         "" if watch is None else f"drift {_on(watch.drift)}, decay {_on(watch.decay)}, {watch.alerts} notifiers"),
        ("Was going back rehearsed?", ("deployment.drill",),
         "" if drill is None else f"{drill.age_days:.1f} days ago, {drill.pointer_s:.2f} s, {drill.failed} failed"),
        ("Is it closed to strangers, and are there limits?", ("deployment.keys", "deployment.tls"),
         "" if access is None else f"{access.keys} live keys, TLS {_on(access.tls)}; {access.limits}"),
        ("Is every answer kept?", ("deployment.log",),
         "" if log is None else f"log {_on(log.enabled)}, {log.durability}, kept {log.retention_days} days"),
    ]  # fmt: skip


def _item(question: str, codes: tuple[str, ...], evidence: str, findings: Sequence[Finding]) -> ChecklistItem:
    mine = [
        one for one in findings if one.code in codes and not one.undecided and one.severity.rank >= Severity.LOW.rank
    ]
    answer = "yes" if evidence else "unknown"
    if any(one.blocking or one.severity.rank >= Severity.HIGH.rank for one in mine):
        answer = "no"
    elif mine:
        answer = "partly" if evidence else "no"
    said = "; ".join(part for part in (evidence, mine[0].message if mine else "") if part)
    return ChecklistItem(
        question=question, answer=answer, evidence=said or "it was not measured", codes=tuple(one.code for one in mine)
    )


def _on(there: bool) -> str:
    return "on" if there else "off"
