"""Late labels: joined, counted, completed and audited over a real log."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelwright.core.errors import DataError, NotFoundError
from modelwright.interfaces.cli.main import main
from modelwright.lifecycle.labelling import Columns, add, known_rows
from modelwright.lifecycle.labelling_audits import Asked, draw_audit
from modelwright.lifecycle.labelling_status import status
from modelwright.lifecycle.scoring import prediction_log
from modelwright.monitoring.delays import arrival_weights, completeness, delay_curve, reversed_curve
from modelwright.monitoring.labels import labelled
from modelwright.records.prediction import Prediction, Schema, encode

START = datetime(2026, 11, 1, tzinfo=UTC)
MODEL = Schema(model="churn", version=1, bundle="b3:0a", columns=("x",), types=("number",), task="binary",
               classes=("no", "yes"))  # fmt: skip
AMOUNTS = Schema(model="amounts", version=1, bundle="b3:0b", columns=("x",), types=("number",), task="regression")


class At:
    """A clock that stands where it is put."""

    def __init__(self, at: datetime = START + timedelta(days=20)) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return self.at.timestamp()


def logged(workspace: Path, n: int, schema: Schema = MODEL, first: int = 0) -> None:
    """One prediction an hour, answers `yes` on every third, named row0, row1 ..."""
    log = prediction_log(workspace)
    number = log.describe(schema)
    for at in range(first, first + n):
        answer: Any = float(at) if schema is AMOUNTS else int(at % 3 == 0)
        log.append(encode(Prediction(
            request_id=f"r{at}", at_us=int((START + timedelta(hours=at)).timestamp() * 1e6), schema=number,
            route="champion", propensity=1.0, latency_us=100, flags=0, caller="", rows=((float(at),),),
            answers=(answer,), probabilities=None if schema is AMOUNTS else ((0.4, 0.6),), row_ids=(f"row{at}",),
        )))  # fmt: skip
    log.commit()
    log.close()


def file_of(folder: Path, **columns: Any) -> str:
    path = folder / "labels.csv"
    pl.DataFrame(columns).write_csv(path)
    return str(path)


def test_labels_join_and_everything_else_is_counted_and_kept(tmp_path: Path) -> None:
    logged(tmp_path, 6)
    source = file_of(
        tmp_path,
        request_id=["r0", "r1", "r1", "r2", "r2", "r3", "zz", ""],
        label=["yes", "no", "no", "no", "yes", None, "yes", "no"],
    )
    found = add(tmp_path, "churn", source, Columns(), At(), tmp_path)
    assert (found["added"], found["duplicates"], found["contradictions"]) == (3, 1, 1)
    assert (found["unknown"], found["missing"]) == (1, 2)
    rows = known_rows(tmp_path, "churn").filter(pl.col("label").is_not_null())
    assert dict(zip(rows["request_id"], rows["label"], strict=True)) == {"r0": "yes", "r1": "no", "r2": "yes"}
    again = add(tmp_path, "churn", source, Columns(), At(START + timedelta(days=21)), tmp_path)
    assert again["added"] == 0
    assert again["duplicates"] >= 3


def test_a_later_label_wins_and_is_told(tmp_path: Path) -> None:
    logged(tmp_path, 3)
    add(tmp_path, "churn", file_of(tmp_path, request_id=["r1"], label=["no"]), Columns(), At(), tmp_path)
    later = At(START + timedelta(days=22))
    found = add(tmp_path, "churn", file_of(tmp_path, request_id=["r1"], label=["yes"]), Columns(), later, tmp_path)
    assert found["corrected"] == 1
    assert "labels.contradictory" in [one["code"] for one in found["findings"]]
    assert known_rows(tmp_path, "churn").filter(pl.col("request_id") == "r1")["label"][0] == "yes"


def test_labels_of_predictions_that_come_later_are_not_lost(tmp_path: Path) -> None:
    logged(tmp_path, 2)
    first = add(tmp_path, "churn", file_of(tmp_path, request_id=["r5"], label=["no"]), Columns(), At(), tmp_path)
    assert first["unknown"] == 1
    logged(tmp_path, 2, first=5)
    found = add(tmp_path, "churn", file_of(tmp_path, request_id=["r0"], label=["no"]), Columns(), At(), tmp_path)
    assert (found["added"], found["unknown"]) == (2, 0)
    assert status(tmp_path, "churn", At())["unknown"] == 0


def test_rows_may_be_named_by_the_caller(tmp_path: Path) -> None:
    logged(tmp_path, 4)
    source = file_of(tmp_path, id=["row2", "row9"], truth=["no", "no"])
    found = add(tmp_path, "churn", source, Columns(label="truth", row_id="id"), At(), tmp_path)
    assert (found["added"], found["unknown"]) == (1, 1)


def test_numbers_are_labels_of_numbers_only(tmp_path: Path) -> None:
    logged(tmp_path, 4, AMOUNTS)
    with pytest.raises(DataError) as refused:
        add(tmp_path, "amounts", file_of(tmp_path, request_id=["r1"], label=["much"]), Columns(), At(), tmp_path)
    assert refused.value.code == "labels.types"
    source = file_of(tmp_path, request_id=["r1", "r2"], label=[1.5, 2.0])
    assert add(tmp_path, "amounts", source, Columns(), At(), tmp_path)["added"] == 2
    told = status(tmp_path, "amounts", At())
    assert told["metric"] == "mean_absolute_error"
    assert told["estimate"]["value"] == pytest.approx(0.25)


def test_an_unknown_model_is_said(tmp_path: Path) -> None:
    logged(tmp_path, 1)
    with pytest.raises(NotFoundError, match="churm"):
        status(tmp_path, "churm", At())


def test_the_curve_counts_what_cannot_have_come_yet() -> None:
    rng = np.random.default_rng(3)
    ages = rng.uniform(0, 10, 4_000)
    delays = rng.exponential(2.0, 4_000)
    comes = rng.random(4_000) < 0.8
    seen = np.where(comes & (delays <= ages), delays, np.nan)
    curve = delay_curve(seen, ages)
    for age in (1.0, 3.0, 6.0):
        assert curve.at(np.array([age]))[0] == pytest.approx(0.8 * (1 - np.exp(-age / 2)), abs=0.04)
    complete = completeness(seen, curve)
    assert complete is not None
    assert complete == pytest.approx(np.isfinite(seen).sum() / comes.sum(), abs=0.03)
    late = reversed_curve(seen, ages)
    assert late.at(np.array([2.0]))[0] == pytest.approx((1 - np.exp(-1)) / (1 - np.exp(-5)), abs=0.05)
    weights = arrival_weights(seen, ages, np.zeros(4_000, dtype=np.int64))
    assert weights.sum() == pytest.approx(4_000, rel=0.1)


def test_nothing_labelled_has_no_curve() -> None:
    curve = delay_curve(np.full(3, np.nan), np.ones(3))
    assert curve.final == 0.0
    assert completeness(np.full(3, np.nan), curve) is None
    assert reversed_curve(np.full(3, np.nan), np.ones(3)).age_of(0.5) is None


def test_an_audit_is_drawn_filled_in_read_back_and_judged(tmp_path: Path) -> None:
    logged(tmp_path, 480)
    asked = Asked(per_window=120, window="5d", output=tmp_path / "audit.csv", seed=4)
    drawn = draw_audit(tmp_path, "churn", asked, At())
    assert all(one["probability"] == pytest.approx(one["drawn"] / one["rows"]) for one in drawn["windows"])
    table = pl.read_csv(tmp_path / "audit.csv")
    assert "prediction" not in table.columns
    said = {f"r{at}": "yes" if at % 3 == 0 else "no" for at in range(480)}
    wrong = {f"r{at}" for at in range(480) if at >= 240 and at % 5 < 2}
    flipped = {"yes": "no", "no": "yes"}
    labels = [flipped[said[name]] if name in wrong else said[name] for name in table["request_id"]]
    table.with_columns(pl.Series("label", labels)).write_csv(tmp_path / "audit.csv")
    added = add(tmp_path, "churn", str(tmp_path / "audit.csv"), Columns(), At(), tmp_path)
    assert added["added"] == drawn["drawn"]
    judged = status(tmp_path, "churn", At())["audits"][0]
    assert judged["labelled"] == drawn["drawn"]
    assert judged["result"]["alarm"] is True
    assert judged["result"]["estimate"]["low"] > judged["result"]["baseline"]


def test_the_same_seed_draws_the_same_rows(tmp_path: Path) -> None:
    logged(tmp_path, 60)
    tables = []
    for name in ("a.csv", "b.csv"):
        draw_audit(tmp_path, "churn", Asked(per_window=5, window="30", output=tmp_path / name, seed=9), At())
        tables.append(pl.read_csv(tmp_path / name))
    assert tables[0].equals(tables[1])
    with pytest.raises(DataError) as refused:
        draw_audit(tmp_path, "churn", Asked(per_window=5, window="soon", output=tmp_path / "c.csv", seed=1), At())
    assert refused.value.code == "labels.window"


def test_the_commands_speak_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logged(tmp_path, 30)
    source = file_of(tmp_path, request_id=[f"r{at}" for at in range(20)], label=["no"] * 20)
    where = ["--workspace", str(tmp_path)]
    assert main(["labels", "add", "churn", source, *where, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["added"] == 20
    assert main(["labels", "status", "churn", *where]) == 0
    assert "20 of 30 predictions have a label" in capsys.readouterr().out
    assert main(["labels", "audit", "churn", "-o", str(tmp_path / "a.csv"), "--per-window", "3", *where]) == 0
    assert "Drew" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("truth", "said", "errors"),
    [
        ([1, 0, 1], ["yes", "no", "no"], [0, 0, 1]),
        (["1.0", "0.0"], [1, 1], [0, 1]),
        ([True, False], ["True", "False"], [0, 0]),
        (["Yes", "No"], ["yes", "no"], [0, 0]),
        (["a", "b", "c"], ["a", "b", "b"], [0, 0, 1]),
        ([0, 1, 1], [0.2, 0.9, 0.4], [0, 0, 1]),
        ([3, 4, 5], [3, 5, 5], [0, 1, 0]),
    ],
)
def test_one_class_has_many_spellings(truth: list[Any], said: list[Any], errors: list[int]) -> None:
    found = labelled(pl.Series("y", truth), pl.Series("said", said))
    assert found.kind == "classes"
    assert found.errors.tolist() == errors


def test_probabilities_beside_words_say_how_to_write_the_truth() -> None:
    with pytest.raises(DataError) as caught:
        labelled(pl.Series("y", ["stayed", "churned"]), pl.Series("p", [0.2, 0.9]))
    assert "0 and 1" in caught.value.hint
