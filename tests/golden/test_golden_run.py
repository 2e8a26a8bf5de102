"""What a quick run on a bundled table decides, finds and tries: the fields that no clock or last digit moves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelwright.core.run import RunRecord
from modelwright.lifecycle.operation import Context
from modelwright.lifecycle.pipeline import Order, execute
from modelwright.spec.load import load_spec_text
from tests.golden.goldens import check, plain

SPEC = """\
data: {source: "sklearn:breast_cancer"}
features: {target: target}
model: {type: decision_tree, max_depth: 3}
evaluation: {metric: roc_auc, threshold: 0.85, cv: {folds: 3}}
training: {budget_s: 300, workers: 1, seed: 3}
"""


def test_a_run_with_a_seed(tmp_path: Path) -> None:
    order = Order(
        spec=load_spec_text(SPEC, "pipeline.yaml").spec, text=SPEC, base_dir=tmp_path, name="golden", commit="none"
    )
    check("run.json", plain(stable(execute(order, Context(workspace=tmp_path / "workspace")))))


def stable(record: RunRecord) -> dict[str, Any]:
    report, verdict = record.report, record.verdict
    assert report is not None
    assert verdict is not None
    return {
        "decision": verdict.decision,
        "confidence": verdict.confidence,
        "checklist": [[one.question, one.answer, list(one.codes)] for one in verdict.checklist],
        "undecided": verdict.undecided,
        "findings": [[one.code, one.severity, one.blocking, one.subject] for one in record.findings],
        "task": report.task,
        "metric": report.metric,
        "looks": report.looks,
        "rows": report.n_rows,
        "split": record.split,
        "pipeline": record.pipeline,
        "leaderboard": [[row.name, row.status, row.chosen] for row in record.leaderboard],
        "plan": record.plan,
        # two digits: a library may change the third without a change of ours
        "metrics": {
            split: {name: round(one.value, 2) for name, one in found.items()} for split, found in report.metrics.items()
        },
        "baselines": {name: round(found[report.metric].value, 2) for name, found in report.baselines.items()},
        "important": sorted(one.column for one in report.importances[:3]),
        "curves": sorted(report.curves),
        "scorers": [[one.name, one.passed] for one in record.scorers],
        "steps": [step.name for step in record.steps],
    }
