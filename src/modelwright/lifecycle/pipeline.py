"""The order of things in a run: prepare, split, check, train, prove, evaluate, review, package, register, report."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec

from modelwright.core.clock import new_run_id, timestamp
from modelwright.core.digests import digest_of
from modelwright.core.nouns import Decision, Verdict
from modelwright.core.ports import Journal, Metric
from modelwright.core.report import Report
from modelwright.core.run import RunRecord
from modelwright.lifecycle import champion as champions
from modelwright.lifecycle import dataset_versions
from modelwright.lifecycle.champion import Champion
from modelwright.lifecycle.environment import (
    code_digest,
    commit_of,
    environment,
    hardware,
    lock_digest,
    plugins_digest,
)
from modelwright.lifecycle.mirroring import mirror
from modelwright.lifecycle.operation import Context, Progress
from modelwright.lifecycle.prepare import Prepared, Rows, divide, notes_of, prepare
from modelwright.lifecycle.registering import close_dead_runs, register_run
from modelwright.lifecycle.reviewing import since_last
from modelwright.lifecycle.run_folder import write_documents
from modelwright.lifecycle.stages import conclude, examine, judge, learn, package, partition, prove, trying
from modelwright.lifecycle.steps import StepResult, StepRunner, clear_drafts
from modelwright.lifecycle.workspace import Workspace, without_passwords
from modelwright.spec.hooks import spec_hooks
from modelwright.spec.model import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a run is asked to do."""

    spec: Spec
    text: str
    base_dir: Path
    name: str
    #: units and scorer of an earlier run, to be repeated exactly
    replay: tuple[str, ...] | None = None
    scorer: str | None = None
    #: and what its sealed rows and its champion were then
    looks: int | None = None
    champion: Champion | None = None
    register: bool = True
    #: who registers, where a kill may make another run of the same purpose; and the journal that checks its lease
    attempt: str = ""
    ledger: Journal | None = None
    #: the commit to record; found from `base_dir` when None
    commit: str | None = None


@dataclass(slots=True, kw_only=True)
class _Run:
    """One run under way."""

    order: Order
    context: Context
    workspace: Workspace
    record: RunRecord
    steps: StepRunner
    started_s: float
    stopwatch: dict[str, float] = field(default_factory=dict)

    def timed(self, name: str, work: Callable[[], StepResult]) -> StepResult:
        started = time.monotonic()
        result = work()
        self.stopwatch[name] = round(time.monotonic() - started, 4)
        return result

    def note(self, **changes: object) -> None:
        self.record = msgspec.structs.replace(self.record, **changes)


def execute(order: Order, context: Context) -> RunRecord:
    """Run the whole job. Raises SpecError or DataError before anything is written.

    Ctrl-C during training keeps the best finished model; at any other moment the run is recorded as interrupted and
    the next one resumes from the finished steps and units.
    """
    from modelwright.spec.hooks import at_home

    with at_home(order.base_dir):
        return _execute(order, context)


def _execute(order: Order, context: Context) -> RunRecord:
    from modelwright.evaluation.costs import charged
    from modelwright.training.executing import held

    started = time.monotonic()
    context.progress(Progress(step="data", message=f"reading {order.spec.data.source}"))
    rows = _rows(order)  # nobody else may hold the table: it is let go of before training
    with charged(order.spec.evaluation.cost, rows.prepared.classes), held(order.spec.place):
        return _prepared(order, context, rows, started)


def _rows(order: Order) -> Rows:
    prepared = prepare(order.spec, order.base_dir)
    _metric(order, prepared)  # one that does not fit is refused before the rows are divided
    return Rows(prepared=prepared, division=divide(prepared, order.spec, order.base_dir))


def _metric(order: Order, prepared: Prepared) -> tuple[str, Metric]:
    from modelwright.evaluation.catalog import resolve
    from modelwright.evaluation.costs import charged

    with charged(order.spec.evaluation.cost, prepared.classes):
        return resolve(order.spec.evaluation.metric or prepared.problem.metric, prepared.problem.task)


def _prepared(order: Order, context: Context, rows: Rows, started: float) -> RunRecord:
    metric, scorer = _metric(order, rows.prepared)
    read_s = round(time.monotonic() - started, 4)

    workspace = Workspace(context.workspace, actor=context.actor, clock=context.clock)
    with workspace.only_writer():
        clear_drafts(workspace.steps)
        close_dead_runs(workspace, context.clock)
        run = _begin(order, context, workspace, rows.prepared, started)
        run.stopwatch["data"] = read_s
        try:
            return _stages(run, rows, metric, scorer)
        except BaseException as error:
            _abandon(run, error)
            raise


def _begin(order: Order, context: Context, workspace: Workspace, prepared: Prepared, started: float) -> _Run:
    run_id = new_run_id(context.clock)
    base = {"code": code_digest(), "environment": digest_of(environment()), "plugins": plugins_digest()}
    steps = StepRunner(
        cache=workspace.steps,
        base={name: value for name, value in base.items() if value},
        earlier=partial(_earlier, workspace, order.name),
        announce=lambda name, message: context.progress(Progress(step=name, message=message)),
    )
    dataset = prepared.dataset
    record = RunRecord(
        run_id=run_id,
        name=order.name,
        status="running",
        started_at=timestamp(context.clock.now()),
        spec=msgspec.json.decode(without_passwords(msgspec.json.encode(_as_drawn(order.spec, prepared)).decode())),
        spec_text=without_passwords(order.text),
        source=dataset.source,
        data_digest=dataset.digest,
        n_rows=dataset.n_rows,
        n_columns=len(dataset.schema.columns),
        schema=dataset.schema,
        problem=prepared.problem,
        environment={**environment(), "hardware": hardware()},
        commit=commit_of(order.base_dir) if order.commit is None else order.commit,
        seed=order.spec.training.seed,
        notes=(*dataset.notes, *notes_of(prepared)),
        paths={"run": str(workspace.run_folder(run_id)), "base": str(order.base_dir.absolute())},
    )
    workspace.write_record(record)
    workspace.journal().append("run.started", f"run:{run_id}", {"name": order.name, "data": dataset.digest})
    return _Run(order=order, context=context, workspace=workspace, record=record, steps=steps, started_s=started)


def _as_drawn(spec: Spec, prepared: Prepared) -> Spec:
    """The spec with the rate at which rows were really drawn, so that `reproduce` draws them so on any machine."""
    return msgspec.structs.replace(spec, data=msgspec.structs.replace(spec.data, sample_rate=prepared.sample_rate))


def _stages(run: _Run, rows: Rows, metric: str, scorer: Metric) -> RunRecord:
    order, spec, steps = run.order, run.order.spec, run.steps
    journal = run.workspace.journal()
    run_id = run.record.run_id

    split, examined = _whole_table(run, rows)
    rows.release()
    problem, parts = rows.prepared.problem, partition.read(split.folder)
    learning = learn.LearnOrder(
        spec=spec,
        problem=problem,
        classes=rows.prepared.classes,
        metric=metric,
        base_dir=order.base_dir,
        units=run.workspace.units,
        code=digest_of(steps.base),
        replay=order.replay,
    )
    learn_parts = learn.parts(split.record.output, spec, order.base_dir)
    trained = run.timed(
        "train", lambda: steps.run("train", learn_parts, lambda to: learn.write(to, parts, learning, run.context))
    )
    learned = learn.read(trained.folder)
    facts = learned.facts
    run.note(
        leaderboard=facts.leaderboard,
        trials=facts.trials,
        pipeline=facts.pipeline,
        plan=facts.plan,
        chosen_family=facts.family,
        chosen_params=facts.params,
        signature=learned.model.signature,
        notes=(*run.record.notes, *facts.notes),
    )

    proving = prove.ProveOrder(
        learning=learning, doubts=prove.doubts_of(examined.findings, parts.schema, parts.summary.kind, spec)
    )
    prove_parts = prove.parts(split.record.output, trained.record.output, proving)
    proved = run.timed(
        "prove",
        lambda: steps.run("prove", prove_parts, lambda to: prove.write(to, parts, learned, proving, run.context)),
    )
    proven = prove.read(proved.folder)
    run.note(plan=(*facts.plan, *(f"{learn.PROOF}{name}" for name in proven.plan)))

    seal = partition.seal_digest(split.folder)
    champion = order.champion or champions.find(run.workspace, order.name, seal, trained.record.output)
    judging = judge.JudgeOrder(
        spec=spec,
        problem=problem,
        metric=metric,
        scorer=scorer,
        record_look=lambda: order.looks or judge.record_look(journal, seal, run_id),
        champion=champion,
        hooks=spec_hooks(spec, order.base_dir),
    )
    evaluate_parts = judge.parts(split.record.output, trained.record.output, spec, order.base_dir, champion)
    with trying.Trial() as trial:

        def evaluate(to: Path) -> None:
            trial.begin(split.folder, trained.folder, learned, spec.training.workers)
            judge.write(to, parts, learned, judging)

        evaluated = run.timed("evaluate", lambda: steps.run("evaluate", evaluate_parts, evaluate))
        report, judgement, products = judge.read(evaluated.folder)
        run.note(report=report, products=products, judgement=prove.joined(judgement, proven))

        findings, verdict = conclude.review(run.record, examined.findings)
        run.note(findings=findings, verdict=verdict)
        packed = _package(run, parts, learned, (trained, evaluated), (verdict, trial))
    return _finish(run, packed, report, verdict)


def _whole_table(run: _Run, rows: Rows) -> tuple[StepResult, examine.Examined]:
    """The steps that need every row and column of the table."""
    prepared, division = rows.prepared, rows.division
    order, spec, steps = run.order, run.order.spec, run.steps
    split = run.timed(
        "split",
        lambda: steps.run(
            "split", partition.parts(prepared, spec, order.base_dir), lambda to: partition.write(to, prepared, division)
        ),
    )
    run.note(split=partition.summary_of(split.folder))
    checked = run.timed(
        "check",
        lambda: steps.run(
            "check", examine.parts(prepared, spec), lambda to: examine.write(to, prepared, spec, division)
        ),
    )
    examined = examine.read(checked.folder)
    run.note(profile=examined.profile, findings=examined.findings)
    dataset_versions.keep(run.workspace, prepared.dataset, order.base_dir)
    return split, examined


def _package(
    run: _Run,
    parts: partition.Partition,
    learned: learn.Learned,
    inputs: tuple[StepResult, StepResult],
    found: tuple[Verdict, trying.Trial],
) -> package.Packed:
    wanted = package.PackageOrder(
        record=run.record,
        verdict=found[0],
        trial=found[1],
        lock=lock_digest(),
        scorer=run.order.scorer,
        partition=parts,
        model=learned.model,
        fast=learned.fast,
        oof=learned.oof,
    )
    made = run.timed(
        "package",
        lambda: run.steps.run(
            "package", package.parts(wanted, inputs), lambda to: package.write(to, wanted, run.context)
        ),
    )
    packed = package.read(made.folder)
    bundle = run.workspace.run_folder(run.record.run_id) / "bundle"
    shutil.copytree(packed.bundle, bundle)
    if packed.fast is not None:
        shutil.copytree(packed.fast, bundle.with_name("fast"))
        run.note(paths={**run.record.paths, "fast": str(bundle.with_name("fast"))})
    notes = (*run.record.notes, *package.own_code_notes(wanted))
    run.note(bundle_digest=packed.digest, scorers=packed.scorers, products=packed.products, notes=notes)
    return packed


def _finish(run: _Run, packed: package.Packed, report: Report, verdict: Verdict) -> RunRecord:
    workspace, record = run.workspace, run.record
    folder = workspace.run_folder(record.run_id)
    journal = workspace.journal()
    run.stopwatch["total"] = round(time.monotonic() - run.started_s, 4)
    # beside the bundle, not in it: the same model has the same bundle whatever was made before
    verdict = msgspec.structs.replace(verdict, since=since_last(workspace, record, verdict))
    run.note(
        verdict=verdict,
        steps=tuple(run.steps.records),
        timings_s=dict(run.stopwatch),
        paths={**record.paths, "report": str(folder / "report.html"), "bundle": str(folder / "bundle")},
    )
    order = run.order
    if order.register:
        into = order.ledger or journal
        run.note(version=register_run(workspace, run.record, into, packed.digest, verdict, order.attempt))
    run.note(status="done", finished_at=timestamp(run.context.clock.now()))
    write_documents(folder, run.record)
    workspace.write_record(run.record)
    payload = {"decision": verdict.decision.value, "metric": report.metric, "value": report.primary.value}
    journal.append("run.finished", f"run:{record.run_id}", payload)
    if run.order.spec.tracking is not None:
        run.note(notes=(*run.record.notes, *mirror(run.record, run.order.spec, folder)))
        workspace.write_record(run.record)
    return run.record


def _abandon(run: _Run, error: BaseException) -> None:
    """Record how the run ended; a refused input leaves no run behind."""
    from modelwright.core.errors import DataError, SpecError

    folder = run.workspace.run_folder(run.record.run_id)
    if isinstance(error, (SpecError, DataError)):
        shutil.rmtree(folder, ignore_errors=True)
        run.workspace.journal().append("run.refused", f"run:{run.record.run_id}", error.as_dict())
        return
    status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
    run.note(
        status=status,
        steps=tuple(run.steps.records),
        timings_s=dict(run.stopwatch),
        finished_at=timestamp(run.context.clock.now()),
    )
    run.workspace.write_record(run.record)
    run.workspace.journal().append(f"run.{status}", f"run:{run.record.run_id}", {"error": str(error)})


def _earlier(workspace: Workspace, name: str) -> Iterable[RunRecord]:
    for record in workspace.readable_runs():
        if record.name == name and record.status == "done":
            yield record


def decided_well(record: RunRecord) -> bool:
    """Whether a run may go on to be used: APPROVE or CONDITIONAL."""
    return record.verdict is not None and record.verdict.decision is not Decision.NEEDS_REWORK
