"""What the watcher asks of late labels: a window against the version's first ones, weak groups, audits that are due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from modelwright.core.clock import Clock
from modelwright.core.judgement import Judgement, WeakSlice
from modelwright.core.nouns import Decision, Estimate, ModelVersion
from modelwright.core.run import RunRecord
from modelwright.lifecycle.decaying_live import draw_due, look
from modelwright.lifecycle.labelling import Columns, add
from modelwright.lifecycle.scoring import prediction_log
from modelwright.lifecycle.workspace import Workspace
from modelwright.records.prediction import Prediction, Schema, encode
from modelwright.spec.monitoring import DecayWatch

START = datetime(2026, 10, 1, tzinfo=UTC)
HOURS = 1_200
END = START + timedelta(hours=HOURS)
CHAMPION = ModelVersion(name="churn", version=1, bundle_digest="b3:0a", run_id="20261001-000000-none",
                        decision=Decision.APPROVE, created_at=START.isoformat())  # fmt: skip


class At(Clock):
    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return self.at.timestamp()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One answer `yes` an hour for 50 days; every tenth is wrong, in the last 15 days every second."""
    root = tmp_path_factory.mktemp("workspace")
    log = prediction_log(root)
    schema = Schema(model="churn", version=1, bundle="b3:0a", columns=("x", "plan"), types=("number", "category"),
                    task="binary", classes=("no", "yes"))  # fmt: skip
    number = log.describe(schema)
    for at in range(HOURS):
        moment, row = START + timedelta(hours=at), (float(at), ("basic", "pro")[at % 2])
        log.append(encode(Prediction(
            request_id=f"r{at}", at_us=int(moment.timestamp() * 1e6), schema=number, route="champion", propensity=1.0,
            latency_us=100, flags=0, caller="", rows=(row,), answers=(1,),
        )))  # fmt: skip
    log.commit()
    log.close()
    wrong = [at % 10 == 7 if at < HOURS - 360 else at % 2 == 1 for at in range(HOURS)]
    labels = pl.DataFrame(
        {"request_id": [f"r{at}" for at in range(HOURS)], "label": ["no" if w else "yes" for w in wrong]}
    )
    labels.write_csv(root / "labels.csv")
    add(root, "churn", str(root / "labels.csv"), Columns(), At(END), root)
    found = Workspace(root)
    found.write_record(
        RunRecord(
            run_id=CHAMPION.run_id, name="churn", status="done", started_at="2026-10-01T00:00:00.000Z",
            judgement=Judgement(weak_slices=(_weak("plan", True), _weak("x", False))),
        )
    )  # fmt: skip
    return found


def _weak(column: str, confirmed: bool) -> WeakSlice:
    estimate = Estimate(value=0.3, low=0.2, high=0.4, level=0.95, n=100, method="wilson")
    return WeakSlice(condition=f"{column} = a", columns=(column,), n=100, share=0.1, metric="error_rate",
                     estimate=estimate, whole=0.1, difference=-0.2, confirmed=confirmed)  # fmt: skip


def test_the_window_is_judged_against_the_first_labels_and_so_are_weak_groups(workspace: Workspace) -> None:
    found = look(workspace, CHAMPION, DecayWatch(window="3w"), START, END)
    assert (found.judged, found.decay) == (True, True)
    assert [(each.about, each.subject) for each in found.signals] == [("decay", "model"), ("decay", "segment:plan=pro")]


def test_no_label_in_the_window_is_no_recovery(workspace: Workspace) -> None:
    found = look(workspace, CHAMPION, DecayWatch(window="1d"), START, END + timedelta(days=2))
    assert (found.judged, found.decay, found.signals) == (False, False, [])


def test_without_earlier_labels_the_first_of_the_window_are_the_reference(workspace: Workspace) -> None:
    assert look(workspace, CHAMPION, DecayWatch(window="52w"), START, END).decay is True


def test_an_audit_is_drawn_when_it_is_due_and_not_again(workspace: Workspace) -> None:
    spec = DecayWatch(audit_rows=20, audit_every="1w")
    assert draw_due(workspace, "churn", DecayWatch(), START, At(END)) is None
    assert draw_due(workspace, "churn", spec, END - timedelta(days=1), At(END)) is None
    drawn = draw_due(workspace, "churn", spec, START, At(END))
    assert drawn is not None
    assert (drawn["drawn"], len(drawn["windows"])) == (20, 1)
    assert pl.read_csv(Path(drawn["paths"]["output"])).height == 20
    assert draw_due(workspace, "churn", spec, START, At(END + timedelta(days=6))) is None
