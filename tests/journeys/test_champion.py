"""A new model is compared with the one in charge, on the same sealed rows, corrected for the looks at them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

PIPELINE = """\
data: {{source: t.csv}}
features:
  target: bought
  ignore: [{ignore}]
model: {{type: logistic, name: visits}}
evaluation: {{metric: roc_auc}}
training: {{budget_s: 30}}
"""


@pytest.fixture
def run(cli: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    rng = np.random.default_rng(3)
    a, b, c = rng.normal(size=(3, 1500))
    bought = np.where(a + 0.7 * b + rng.normal(size=1500) > 0, "yes", "no")
    pl.DataFrame({"a": a, "b": b, "c": c, "bought": bought}).write_csv(tmp_path / "t.csv")

    def one(ignore: str = "", *more: str) -> Any:
        (tmp_path / "pipeline.yaml").write_text(PIPELINE.format(ignore=ignore))
        said = cli("run", "pipeline.yaml", "--json", *more)
        assert said.code in (0, 3), said.out
        return said.json

    return one


@pytest.mark.journey
def test_the_champion_is_beaten_and_then_stays(cli: Callable[..., Any], run: Callable[..., Any]) -> None:
    first = run("a")
    assert first["judgement"]["champion"] is None
    better = run()
    found = better["judgement"]
    assert (found["champion_version"], found["champion"]["against"]) == (1, "version 1")
    assert found["champion"]["difference"]["low"] > 0
    assert found["champion_looks"] == 2  # other roles of columns are no other sealed rows
    assert not any(each["code"] == "model.champion" for each in better["findings"])
    worse = run("a, c")
    found = worse["judgement"]
    assert found["champion_version"] == 2
    assert found["champion"]["difference"]["high"] < 0
    [said] = [each for each in worse["findings"] if each["code"] == "model.champion"]
    assert said["severity"] == "high"
    assert "version 2" in said["message"]
    assert cli("reproduce", better["run_id"], "--json").json["reproduced"]


@pytest.mark.journey
def test_the_same_file_again_has_no_rival_but_itself(run: Callable[..., Any]) -> None:
    run()
    again = run()
    assert again["judgement"]["champion"] is None
    assert all(step["reused"] for step in again["steps"])


@pytest.mark.journey
def test_a_champion_of_other_rows_is_not_compared(run: Callable[..., Any]) -> None:
    run()
    said = run("", "--set", "training.seed=7")
    found = [each for each in said["findings"] if each["code"] == "model.champion"]
    assert [each["severity"] for each in found] == ["info"]
    assert "may have learned from the rows" in found[0]["message"]
