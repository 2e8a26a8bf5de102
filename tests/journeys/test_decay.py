"""`modelwright decay` on files as people have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelwright.interfaces.cli.main import main


def decay(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    assert main(["decay", *arguments, "--json"]) == code
    out = capsys.readouterr().out
    assert len(out.strip().splitlines()) == 1
    return json.loads(out)


def _answers(rng: np.random.Generator, rates: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    truth = (rng.random(rates.size) < 0.3).astype(np.int64)
    return truth, np.where(rng.random(rates.size) < rates, 1 - truth, truth)


def _write(folder: Path, name: str, **columns: Any) -> str:
    path = folder / name
    frame = pl.DataFrame(columns)
    frame.write_csv(path) if name.endswith(".csv") else frame.write_parquet(path)
    return str(path)


COLUMNS = ("--truth", "y", "--prediction", "said")


def test_a_rise_is_found_soon_after_it_began(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(1)
    y, said = _answers(rng, np.where(np.arange(9_000) < 6_000, 0.1, 0.18))
    found = decay(capsys, _write(tmp_path, "a.csv", y=y, said=said), *COLUMNS)
    assert found["alarm"] is True
    assert 6_000 < found["alarm_at_row"] < 6_900
    assert abs(found["change_at_row"] - 6_000) < 400
    assert found["estimate"]["low"] < 0.18 < found["estimate"]["high"]
    assert found["baseline"]["low"] < 0.1 < found["baseline"]["high"]
    assert {"detector", "metric", "windows", "segments", "findings"} <= set(found)
    assert "decay.worse" in [one["code"] for one in found["findings"]]


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_a_stable_stream_does_not_alarm(tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int) -> None:
    y, said = _answers(np.random.default_rng(seed), np.full(6_000, 0.1))
    found = decay(capsys, _write(tmp_path, "a.csv", y=y, said=said), *COLUMNS)
    assert found["alarm"] is False
    assert found["alarm_at_row"] is None
    assert found["change_at_row"] is None


def test_words_are_the_numbers_they_mean_and_time_orders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(5)
    y, said = _answers(rng, np.where(np.arange(5_000) < 3_000, 0.05, 0.2))
    at = pl.datetime_range(
        pl.datetime(2026, 1, 1), pl.datetime(2026, 1, 1) + pl.duration(minutes=4_999), "1m", eager=True
    )
    shuffled = rng.permutation(5_000)
    path = _write(
        tmp_path, "a.csv", y=np.where(y == 1, "Yes", "No")[shuffled], said=said[shuffled],
        at=at.dt.strftime("%Y-%m-%d %H:%M:%S").to_numpy()[shuffled],
    )  # fmt: skip
    found = decay(capsys, path, *COLUMNS, "--time", "at")
    assert 3_000 < found["alarm_at_row"] < 3_300
    assert "decay.unsorted" in [one["code"] for one in found["findings"]]
    assert decay(capsys, path, *COLUMNS)["alarm"] is False


def test_errors_of_numbers_that_spread_are_found_and_wild_ones_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(6)
    x, noise = rng.normal(size=4_000), rng.standard_t(3, 4_000)
    wild = noise.copy()
    wild[[3_000, 3_500]] = 1e9
    spread = noise * np.where(np.arange(4_000) < 2_500, 1.0, 1.5)
    found = decay(capsys, _write(tmp_path, "a.parquet", y=x, said=x + spread), *COLUMNS)
    assert found["task"] == "regression"
    assert 2_500 < found["alarm_at_row"] < 3_100
    assert decay(capsys, _write(tmp_path, "b.parquet", y=x, said=x + wild), *COLUMNS)["alarm"] is False


def test_slow_decay_is_found_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rates = np.concatenate([np.full(3_000, 0.1), np.linspace(0.1, 0.25, 6_000)])
    y, said = _answers(np.random.default_rng(7), rates)
    found = decay(capsys, _write(tmp_path, "a.parquet", y=y, said=said), *COLUMNS)
    assert found["alarm"] is True
    assert 3_000 < found["alarm_at_row"] < 7_500


def test_getting_better_is_said_and_is_no_alarm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    y, said = _answers(np.random.default_rng(8), np.where(np.arange(6_000) < 3_000, 0.2, 0.1))
    found = decay(capsys, _write(tmp_path, "a.parquet", y=y, said=said), *COLUMNS)
    assert found["alarm"] is False
    assert found["improved"] is True


def test_a_slice_that_decays_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(9)
    plan = rng.choice(["basic", "plus", "pro"], 8_000, p=[0.45, 0.45, 0.1])
    rates = np.where((plan == "pro") & (np.arange(8_000) >= 4_000), 0.4, 0.1)
    y, said = _answers(rng, rates)
    path = _write(tmp_path, "a.parquet", y=y, said=said, plan=plan)
    found = decay(capsys, path, *COLUMNS, "--segments", "plan")
    worse = [one["group"] for one in found["segments"] if one["worse"]]
    assert worse == ["pro"]


def test_a_reference_may_be_rows_a_share_or_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(10)
    y, said = _answers(rng, np.full(2_000, 0.1))
    later, told = _answers(rng, np.full(2_000, 0.2))
    reference, path = _write(tmp_path, "r.parquet", y=y, said=said), _write(tmp_path, "a.parquet", y=later, said=told)
    found = decay(capsys, path, *COLUMNS, "--reference", reference)
    assert found["alarm"] is True
    assert found["alarm_at_row"] < 500
    assert found["rows"] == 2_000
    assert decay(capsys, path, *COLUMNS, "--reference", "0.3")["baseline"]["rows"] == 600
    assert decay(capsys, path, *COLUMNS, "--reference", "700")["baseline"]["rows"] == 700
    assert decay(capsys, path, *COLUMNS, "--reference", "-3", code=2)["error"]["code"] == "decay.reference"


def test_probabilities_that_lie_are_decay_where_answers_still_hold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(11)
    true = rng.beta(2, 2, 6_000)
    score = np.where(np.arange(6_000) < 3_000, true, np.where(true > 0.5, 0.999, 0.001))
    y = (rng.random(6_000) < true).astype(int)
    path = _write(tmp_path, "a.parquet", y=y, said=(score >= 0.5).astype(int), p=score)
    found = decay(capsys, path, *COLUMNS, "--score", "p")
    assert found["alarm"] is True
    assert "squared_error" in found["detector"]
    assert {"roc_auc", "log_loss", "brier", "accuracy"} <= set(found["metrics"]["current"])


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"y": [None, None], "said": [1, 0]}, "decay.no_rows"),
        ({"y": [], "said": []}, "decay.no_rows"),
        ({"y": [1.5, 2.5, 3.25], "said": ["a", "b", "c"]}, "decay.types_differ"),
        ({"y": ["a", "b", "a"], "said": ["c", "d", "c"]}, "decay.no_shared_class"),
    ],
)
def test_what_cannot_be_judged_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], columns: dict[str, Any], code: str
) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame(columns).write_parquet(path)
    assert main(["decay", str(path), *COLUMNS, "--json"]) != 0
    assert json.loads(capsys.readouterr().out)["error"]["code"] == code


def test_one_row_a_constant_truth_and_missing_scores_are_findings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = decay(capsys, _write(tmp_path, "one.parquet", y=[1], said=[0]), *COLUMNS)
    assert one["alarm"] is False
    assert {"decay.too_few", "decay.constant_truth"} <= {finding["code"] for finding in one["findings"]}
    y, said = _answers(np.random.default_rng(1), np.full(500, 0.1))
    gaps = [None if at % 7 == 0 else 0.4 for at in range(500)]
    found = decay(capsys, _write(tmp_path, "a.parquet", y=y, said=said, p=gaps), *COLUMNS, "--score", "p")
    assert "decay.missing_scores" in [finding["code"] for finding in found["findings"]]
    missing = [None if at % 10 == 0 else int(value) for at, value in enumerate(y)]
    found = decay(capsys, _write(tmp_path, "b.parquet", y=missing, said=said), *COLUMNS)
    assert found["labelled_rows"] == 450
    assert "decay.unlabelled" in [finding["code"] for finding in found["findings"]]
