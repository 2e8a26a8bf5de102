"""`modelwright drift` on files, and on a registered model's prediction log against its own bundle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

pytestmark = pytest.mark.journey
Cli = Callable[..., Any]

PIPELINE = """
data: {source: past.csv}
features: {target: tipped}
model: {type: logistic, name: tips}
training: {budget_s: 20}
"""


def rides(rows: int, seed: int, *, longer: float = 0.0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    km = rng.gamma(2.0, 2.0, rows) + longer
    zone = rng.choice(["north", "south", "airport"], rows, p=[0.5, 0.4, 0.1])
    chance = 1 / (1 + np.exp(-(0.5 * km - 2.0 + (zone == "airport"))))
    at = pl.Series(np.sort(rng.random(rows)) * 20 * 86_400e6).cast(pl.Int64).cast(pl.Datetime("us"))
    return pl.DataFrame({"at": at, "km": km.round(2), "zone": zone, "tipped": rng.random(rows) < chance})


def test_two_files_in_any_format(cli: Cli, tmp_path: Path) -> None:
    rides(4_000, 1).write_csv("past.csv")
    rides(1_000, 2).write_parquet("same.parquet")
    rides(1_000, 3, longer=1.5).write_ndjson("longer.jsonl")
    same = cli("drift", "past.csv", "same.parquet", "--time", "at", "--ignore", "tipped", "--json")
    assert same.code == 0
    assert same.out.count("\n") == 1
    assert not same.json["alarm"]
    assert {each["name"] for each in same.json["left_out"]} == {"at", "tipped"}
    moved = cli("drift", "past.csv", "longer.jsonl", "--time", "at", "--window", "200", "--by", "zone", "--json").json
    assert moved["alarm"]
    assert moved["alarmed"][0] == "km"
    assert [window["rows"] for window in moved["windows"]] == [200] * 5
    assert {each["segment"] for each in moved["segments"]} >= {"north", "south"}
    page = cli("drift", "past.csv", "longer.jsonl")
    assert "km" in page.out
    assert "smallest shift" in page.out


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["past.csv", "nowhere.csv"], "nowhere.csv"),
        (["nowhere.csv", "past.csv"], "nowhere.csv"),
        (["past.csv", "past.csv", "--time", "wen"], "wen"),
        (["past.csv", "past.csv", "--window", "soon"], "soon"),
        (["past.csv", "past.csv", "--window", "1d"], "--time"),
        (["past.csv", "past.csv", "--time", "zone", "--window", "1d"], "zone"),
        (["past.csv", "past.csv", "--ignore", "nothing"], "nothing"),
        (["past.csv", "past.csv", "--by", "nothing"], "nothing"),
        (["empty.csv", "past.csv"], "reference"),
        (["no_such_model", "past.csv"], "no_such_model"),
        (["past.csv", "log:no_such_model"], "no_such_model"),
    ],
)
def test_what_cannot_be_compared_is_said(cli: Cli, arguments: list[str], word: str) -> None:
    rides(300, 1).write_csv("past.csv")
    Path("empty.csv").write_text("km,zone\n")
    said = cli("drift", *arguments, "--json")
    assert said.code not in (0, 1)
    assert word in said.out + said.err
    assert "Traceback" not in said.err


def test_a_models_log_against_its_own_bundle(cli: Cli, tmp_path: Path) -> None:
    rides(3_000, 1).drop("at").write_csv("past.csv")
    Path("pipeline.yaml").write_text(PIPELINE)
    ran = cli("run", "pipeline.yaml", "--json")
    assert ran.code in (0, 3), ran.err
    reference = json.loads(next(Path(".modelwright/runs").glob("*/bundle/reference.json")).read_bytes())
    assert reference["format"] == 2
    answers = set(reference["predictions"])  # none where time was too short for a model that knows anything
    assert answers <= {"prediction", "probability_true", "probability_false"}
    rides(1_500, 4).drop("at").write_csv("same.csv")
    assert cli("predict", "tips", "same.csv", "-o", "out.csv", "--log", "--json").code == 0
    calm = cli("drift", "tips", "tips", "--json")
    assert not calm.json["alarm"], [each for each in calm.json["windows"][0]["features"] if each["alarm"]]
    roles = {each["name"]: each["role"] for each in calm.json["windows"][0]["features"]}
    assert roles == {"km": "feature", "zone": "feature"} | dict.fromkeys(answers, "prediction")
    rides(1_500, 5, longer=2.0).drop("at").write_csv("longer.csv")
    assert cli("predict", "tips", "longer.csv", "-o", "out.csv", "--log", "--json").code == 0
    moved = cli("drift", "tips", "log:tips", "--json").json
    assert {"km"} | (answers & {"probability_true"}) <= set(moved["alarmed"])
    on_file = cli("drift", "run:latest", "longer.csv", "--json").json
    assert on_file["alarmed"] == ["km"]
