"""What each part of a pipeline adds: measured, resumed, and refused where nothing can be measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

PIPELINE = """\
data: {source: t.csv}
features: {target: y}
model: {type: decision_tree}
training: {budget_s: 40}
evaluation: {metric: accuracy, cv: {folds: 3}}
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(3)
    n = 900
    signal = rng.normal(size=n)
    frame = pl.DataFrame(
        {
            "signal": signal,
            "twin_1": rng.normal(size=n),
            "twin_2": rng.normal(size=n),
            "idle": rng.choice(["a", "b", "c"], n),
            "y": np.where(signal + 0.3 * rng.normal(size=n) > 0, "yes", "no"),
        }
    )
    frame.write_csv(tmp_path / "t.csv")
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    return tmp_path


def test_what_helps_is_told_from_what_does_not(cli: Callable[..., Any], table: Path) -> None:
    said = cli("ablate", "pipeline.yaml", "--json")
    assert said.code == 0, said.err
    items = {(item["kind"], item["name"]): item for item in said.json["items"]}
    assert items["column", "signal"]["verdict"] == "helps"
    assert items["column", "signal"]["adds"]["low"] > 0.1
    assert items["column", "idle"]["verdict"] != "helps"
    assert items["group", "twin*"]["columns"] == ["twin_1", "twin_2"]
    assert ("component", "family decision_tree") in items
    assert sum(said.json["counts"].values()) == len(items)
    assert said.json["train_reused"] is False
    _resumes(cli, said.json, table)


def _resumes(cli: Callable[..., Any], before: Any, table: Path) -> None:
    fits = {file: file.stat().st_mtime_ns for file in table.glob(".modelwright/cache/units/**/result.json")}
    assert fits
    again = cli("ablate", "--by", "columns", "--json").json
    assert again["train_reused"] is True
    assert {file: file.stat().st_mtime_ns for file in table.glob(".modelwright/cache/units/**/result.json")} == fits
    columns = {item["name"]: item["without"] for item in before["items"] if item["kind"] == "column"}
    assert {item["name"]: item["without"] for item in again["items"]} == columns
    page = cli("ablate", "--by", "columns").out
    assert "signal" in page
    assert "helps" in page


def test_what_the_time_does_not_allow_is_named(cli: Callable[..., Any], table: Path) -> None:
    cli("ablate", "--by", "components", "--json")
    said = cli("ablate", "--by", "columns", "--budget-s", "0.2", "--json").json
    assert said["counts"] == {"not measured": 4}
    assert all(item["reason"] for item in said["items"])
    assert "larger --budget-s" in cli("ablate", "--by", "columns", "--budget-s", "0.2").out


def test_without_a_target_there_is_nothing_to_measure(cli: Callable[..., Any], table: Path) -> None:
    (table / "pipeline.yaml").write_text("data: {source: t.csv}\nmodel: {task: clustering}\n")
    said = cli("ablate", "--json")
    assert said.code != 0
    assert "features.target" in said.err + said.out


def test_a_mistake_in_the_file_is_shown_at_its_place(cli: Callable[..., Any], table: Path) -> None:
    (table / "pipeline.yaml").write_text(PIPELINE.replace("decision_tree", "decision_three"))
    said = cli("ablate")
    assert said.code != 0
    assert "decision_tree" in said.err
    assert "3" in said.err
