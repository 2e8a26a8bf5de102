"""How a run gets its version, and what becomes of runs whose process was killed.

A run's record is whole before its version is registered, so that whoever finds a version finds what it was made from.
"""

from __future__ import annotations

import msgspec

from modelwright.core.clock import Clock, timestamp
from modelwright.core.nouns import Verdict
from modelwright.core.ports import Journal
from modelwright.core.run import RunRecord
from modelwright.lifecycle.failpoints import reached
from modelwright.lifecycle.run_folder import write_documents
from modelwright.lifecycle.workspace import Workspace


def register_run(
    workspace: Workspace, record: RunRecord, journal: Journal, digest: str, verdict: Verdict, attempt: str
) -> int:
    """The version of this bundle: a new one, unless the latest one is the same to the last byte."""
    from modelwright.registry.versions import list_versions, register

    versions = list_versions(journal, record.name)
    if versions and versions[-1].bundle_digest == digest:
        return versions[-1].version
    workspace.write_record(record)
    reached("run.written")
    bundle = workspace.run_folder(record.run_id) / "bundle"
    made = register(
        journal,
        record.name,
        bundle_digest=digest,
        run_id=record.run_id,
        decision=verdict.decision,
        bundle_path=bundle.relative_to(workspace.root).as_posix(),
        attempt=attempt,
    )
    reached("run.registered")
    return made.version


def close_dead_runs(workspace: Workspace, clock: Clock) -> None:
    """A run that was killed could not say so; whoever holds the lock knows that it is not at work any more. One that
    has its version was done but for saying it."""
    from modelwright.registry.versions import list_versions

    journal = workspace.journal()
    for record in workspace.readable_runs():
        if record.status != "running":
            continue
        subject = f"run:{record.run_id}"
        made = [one for one in list_versions(journal, record.name) if one.run_id == record.run_id]
        if made and record.report is not None:
            whole = msgspec.structs.replace(
                record, status="done", version=made[0].version, finished_at=timestamp(clock.now())
            )
            write_documents(workspace.run_folder(record.run_id), whole)
            workspace.write_record(whole)
            payload = {"decision": made[0].decision.value, "metric": record.report.metric,
                       "value": record.report.primary.value}  # fmt: skip
            journal.append("run.finished", subject, payload)
        else:
            workspace.write_record(msgspec.structs.replace(record, status="interrupted"))
            journal.append("run.interrupted", subject, {"error": "its process was killed"})
