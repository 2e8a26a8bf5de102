"""The files of a run that a person reads, beside its bundle and its record."""

from __future__ import annotations

from pathlib import Path

from modelwright.core.run import RunRecord
from modelwright.lifecycle.workspace import pretty_json, write_atomically

#: documents that every run leaves; the others are written by `modelwright docs`
LEFT = ("page", "report", "model_card", "model_review")


def write_documents(folder: Path, record: RunRecord) -> None:
    """The files a person reads: spec, schema, profile, findings, trials, verdict, report, card, review."""
    from modelwright.documents import library

    plain = {
        "schema.json": record.schema,
        "profile.json": record.profile,
        "findings.json": record.findings,
        "trials.json": {"leaderboard": record.leaderboard, "trials": record.trials},
        "verdict.json": record.verdict,
        "metrics.json": record.report,
    }
    for name, value in plain.items():
        write_atomically(folder / name, pretty_json(value))
    write_atomically(folder / "pipeline.yaml", record.spec_text.encode())
    for kind in LEFT:
        for name, text in library.written(record, kind).items():
            write_atomically(folder / name, text.encode())
