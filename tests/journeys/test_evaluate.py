"""Is "95 % accuracy" any good: other people's predictions, judged from a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest


def _rows(n: int = 2000, positives: float = 0.05) -> pl.DataFrame:
    rng = np.random.default_rng(5)
    y = rng.random(n) < positives
    score = np.clip(0.5 * y + rng.normal(0.2, 0.15, n), 0, 1)
    return pl.DataFrame(
        {
            "truth": np.where(y, "fraud", "fine"),
            "said": ["fine"] * n,
            "today": np.where(score + rng.normal(0, 0.4, n) > 0.6, "fraud", "fine"),
            "score": score,
            "raw": score * 40 - 7,
            "country": rng.choice(["DE", "FR", "PL"], n),
        }
    )


@pytest.fixture
def audit(cli: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    def one(frame: pl.DataFrame, *arguments: str) -> Any:
        frame.write_csv(tmp_path / "p.csv")
        return cli("evaluate", "p.csv", *arguments, "--json")

    return one


def test_a_constant_answer_is_seen_through(audit: Callable[..., Any]) -> None:
    said = audit(_rows(), "--truth", "truth", "--prediction", "said").json
    assert said["metrics"]["accuracy"]["value"] == pytest.approx(0.95, abs=0.02)
    assert "not measurably better than always answering 'fine'" in said["answer"]
    assert said["verdict"] != "APPROVE"
    assert "model.baseline" in {each["code"] for each in said["findings"]}
    assert said["base_rates"]["fraud"] == pytest.approx(0.05, abs=0.02)
    assert any("--score" in question for question in said["ask_next"])


def test_scores_segments_and_todays_answers(audit: Callable[..., Any], tmp_path: Path) -> None:
    names = ("--truth", "truth", "--score", "score", "--segment", "country", "--against", "today", "--goal", "0.9")
    said = audit(_rows(), *names, "--positive", "fraud", "--metric", "average_precision", "-o", "page.html")
    assert said.code in (0, 3), said.out
    found = said.json
    assert found["metrics"]["roc_auc"]["value"] > 0.9
    assert found["comparisons"][0]["difference"]["low"] > 0
    assert {each["condition"].split(" = ")[0] for each in found["segments"]} == {"country"}
    assert found["threshold"]["used"] == 0.5
    assert "today" in found["baselines"]
    page = (tmp_path / "page.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "country" in page


def test_scores_that_only_rank_are_not_read_as_probabilities(audit: Callable[..., Any]) -> None:
    found = audit(_rows(), "--truth", "truth", "--score", "raw", "--positive", "fraud").json
    assert found["metrics"]["roc_auc"]["value"] > 0.9
    assert "log_loss" not in found["metrics"]
    assert found["calibration"] is None
    assert found["threshold"] is None


def test_several_classes_and_a_class_that_never_happens(audit: Callable[..., Any]) -> None:
    rng = np.random.default_rng(2)
    truth = rng.choice(["a", "b", "c"], 600)
    said = np.where(rng.random(600) < 0.7, truth, rng.choice(["a", "b", "d"], 600))
    table = rng.dirichlet([1, 1, 1], 600)
    frame = pl.DataFrame({"t": truth, "p": said, **{f"p_{name}": table[:, at] for at, name in enumerate("abc")}})
    found = audit(frame, "--truth", "t", "--prediction", "p").json
    assert found["metrics"]["accuracy"]["value"] == pytest.approx(0.77, abs=0.06)
    scored = audit(frame, "--truth", "t", *(f"--score=p_{name}" for name in "abc")).json
    assert scored["metrics"]["log_loss"]["value"] > 1.0
    assert "not measurably better" in scored["answer"] or "worse than" in scored["answer"]


def test_numbers_against_the_average_and_the_last_value(audit: Callable[..., Any]) -> None:
    rng = np.random.default_rng(4)
    walk = np.cumsum(rng.normal(size=800)) + 100
    frame = pl.DataFrame({"hour": np.arange(800), "load": walk, "said": walk + rng.normal(0, 2.5, 800)})
    found = audit(frame.sample(fraction=1.0, shuffle=True, seed=1), "--truth", "load", "--prediction", "said").json
    assert "better than always answering the average" in found["answer"]
    timed = audit(frame, "--truth", "load", "--prediction", "said", "--time", "hour").json
    assert "worse than repeating the last known truth" in timed["answer"]
    assert timed["verdict"] == "NEEDS REWORK"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--truth", "truth"), "--prediction"),
        (("--truth", "truth", "--prediction", "sayd"), "did you mean 'said'"),
        (("--truth", "truth", "--prediction", "country"), "write the labels alike"),
        (("--truth", "truth", "--prediction", "said", "--metric", "log_loss"), "--score"),
        (("--truth", "truth", "--score", "score", "--score", "raw"), "give one --score"),
        (("--truth", "truth", "--score", "country"), "predicted numbers"),
        (("--truth", "raw", "--prediction", "country"), "predicted numbers"),
        (("--truth", "truth", "--prediction", "empty"), "right columns"),
    ],
)
def test_a_claim_that_cannot_be_read(audit: Callable[..., Any], arguments: tuple[str, ...], words: str) -> None:
    frame = _rows(300, 0.2).with_columns(pl.lit(None, dtype=pl.String).alias("empty"))
    said = audit(frame, *arguments)
    assert said.code == 2, said.out
    assert words in said.json["error"]["hint"], said.json["error"]


def test_rows_without_an_answer_are_counted(audit: Callable[..., Any]) -> None:
    frame = _rows(400, 0.3).with_columns(
        pl.when(pl.int_range(pl.len()) < 40).then(None).otherwise(pl.col("said")).alias("said")
    )
    found = audit(frame, "--truth", "truth", "--prediction", "said").json
    assert (found["rows"], found["left_out"]) == (360, 40)


def test_ten_rows_are_judged_with_their_width(audit: Callable[..., Any]) -> None:
    frame = pl.DataFrame({"t": ["a", "b"] * 5, "p": ["a", "b"] * 4 + ["b", "a"]})
    found = audit(frame, "--truth", "t", "--prediction", "p").json
    accuracy = found["metrics"]["accuracy"]
    assert accuracy["low"] < 0.55 < accuracy["value"] < accuracy["high"]
    assert found["verdict"] != "APPROVE"


def test_a_group_that_is_served_badly_is_found_and_named(audit: Callable[..., Any]) -> None:
    rng = np.random.default_rng(8)
    n = 4000
    sex, city = rng.choice(["f", "m"], n), rng.choice(list("abcdefgh"), n)
    truth = rng.random(n) < 0.4
    wrong = rng.random(n) < np.where(city == "c", 0.45, 0.08)
    missed = truth & (sex == "f") & (rng.random(n) < 0.4)
    said = np.where(missed, False, truth ^ wrong)
    frame = pl.DataFrame({"hired": truth, "model": said, "sex": sex, "city": city, "age": rng.integers(20, 60, n)})
    found = audit(frame, "--truth", "hired", "--prediction", "model", "--fairness", "sex").json
    assert any(each["confirmed"] and "city = c" in each["condition"] for each in found["judgement"]["weak_slices"])
    [unfair] = [
        each for each in found["findings"] if (each["code"], each["subject"]) == ("model.fairness", "column:sex")
    ]
    assert unfair["severity"] in ("high", "critical")
