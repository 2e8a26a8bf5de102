"""The ledger and rehearsals from the command line, with real bundles."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelwright.core.nouns import Task
from tests.journeys import serving_parts
from tests.unit.registry import bundle_parts

RULES = ("--stop", "error_rate>0.02", "--stop", "latency_p99>5ms", "--stop", "wrong_rate>champion+0")
AB = ("--strategy", "ab", "--planned-rows", "2000")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rehearsed")
    space = serving_parts.workspace(root, 2)
    table = bundle_parts.mixed(Task.BINARY, 400)
    places = np.random.default_rng(0).integers(0, 400, 3_000)
    labels = pl.Series("target", [table.classes[int(table.y[place])] for place in places])
    table.frame[places].with_columns(labels).write_parquet(root / "rows.parquet")
    return space


@pytest.fixture
def space(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / ".modelwright")
    shutil.copy(made.parent / "rows.parquet", tmp_path)
    return tmp_path / ".modelwright"


def test_who_was_live_at_a_moment(space: Path, cli: Callable[..., Any]) -> None:
    at = ("--workspace", str(space), "--json")
    events = cli("models", "history", "demo", *at).json["events"]
    first = events[-1]["at"]
    moved = cli("models", "promote", "demo", "2", "--expect", "1", "--reason", "better", *at)
    assert (moved.code, moved.json["before"]) == (0, 1)
    assert "modelwright drill demo" in moved.json["conditions"][0]  # nobody has rehearsed the way back
    stale = cli("models", "promote", "demo", "2", "--expect", "1", *at)
    assert (stale.code != 0, stale.json["error"]["code"]) == (True, "promotion.stale")
    then = cli("models", "history", "demo", "--at", first, *at).json
    assert (then["champion"]["version"], then["champion"]["verdict"]) == (1, "APPROVE")
    now = cli("models", "history", "demo", "--at", "2999-01-01 00:00+01:00", *at).json["champion"]
    assert (now["version"], now["reason"], now["before"]) == (2, "better", 1)
    long_ago = cli("models", "history", "demo", "--at", "2001-01-01 14:05", *at).json
    assert long_ago["champion"] is None
    assert "Nothing was registered" in long_ago["said"]
    wrong = cli("models", "history", "demo", "--at", "last tuesday", *at)
    assert wrong.json["error"]["code"] == "ledger.time"


@pytest.mark.parametrize(
    ("inject", "outcome", "rule"),
    [((), "finished", None), (("errors=0.2",), "aborted", "error_rate>0.02"),
     (("latency",), "aborted", "latency_p99>5ms"),
     (("worse=0.9",), "aborted", "wrong_rate>champion+0")],
)  # fmt: skip
def test_a_rehearsal_says_where_it_would_have_stopped(
    space: Path, cli: Callable[..., Any], inject: tuple[str, ...], outcome: str, rule: str | None
) -> None:
    faults = [part for fault in inject for part in ("--inject", fault)]
    said = cli("rollout", "rehearse", "demo", "--to", "2", "--log", "rows.parquet", "--steps", "20,50,100",
               "--hold", "1m", "--min-rows", "50", *RULES, *faults, "--workspace", str(space), "--json")  # fmt: skip
    assert said.code == 0, said.err
    found = said.json
    assert found["outcome"] == outcome, found["now"]
    if rule is None:
        assert (found["champion"], found["stopped"]) == (2, None)
        assert [line["kind"] for line in found["timeline"]].count("rollout.stepped") == 2
    else:
        stopped = found["stopped"]
        assert stopped["rule"] == rule
        assert stopped["rows_after_fault"] > 0
        assert stopped["evidence"][0]["p_value"] <= stopped["evidence"][0]["needs"]
        assert sum(stopped["exposed"].values()) == stopped["row"]
    kinds = {
        event["kind"] for event in cli("models", "history", "demo", "--workspace", str(space), "--json").json["events"]
    }
    assert not any(kind.startswith("rollout.") for kind in kinds), "a rehearsal leaves no trace in the journal"


def test_a_shadow_and_an_experiment_are_rehearsed_too(space: Path, cli: Callable[..., Any]) -> None:
    at = ("--to", "2", "--log", "rows.parquet", "--hold", "1m", "--workspace", str(space), "--json")
    found = cli("rollout", "rehearse", "demo", "--strategy", "shadow", *at).json
    assert (found["outcome"], found["champion"]) == ("finished", None)
    assert 0.5 < found["report"]["agreement"]["value"] <= 1.0
    assert found["report"]["segments"]
    drifted = cli("rollout", "rehearse", "demo", *AB, "--inject", "drift", *at).json
    assert drifted["looks"], drifted["now"]


@pytest.mark.parametrize(
    ("options", "code"),
    [(("--inject", "fire"), "rehearsal.fault"), (("--stop", "speed>9"), "rollout.rule"),
     (("--hold", "soon"), "rollout.time"),
     (("--log", "nothing.parquet"), "rehearsal.format"), (("--to", "9"), "version.unknown")],
)  # fmt: skip
def test_what_cannot_be_rehearsed_is_said(
    space: Path, cli: Callable[..., Any], options: tuple[str, ...], code: str
) -> None:
    to = () if "--to" in options else ("--to", "2")
    log = () if "--log" in options else ("--log", "rows.parquet")
    said = cli("rollout", "rehearse", "demo", *to, *log, *options, "--workspace", str(space), "--json")
    assert said.code != 0
    assert said.json["error"]["code"] == code


def test_commands_read_well(space: Path, cli: Callable[..., Any]) -> None:
    at = ("--workspace", str(space))
    assert "canary from version 1 to 2, running" in cli("rollout", "start", "demo", "--to", "2", *at).out
    assert "stops at" in cli("rollout", "status", "demo", *at).out
    refused = cli("models", "promote", "demo", "2", *at)
    assert refused.code != 0
    assert "rollout abort demo" in refused.err
    assert "aborted" in cli("rollout", "abort", "demo", *at).out
    assert "demo-1" in cli("rollout", "list", *at).out
    assert "is not deleted" in cli("models", "delete", "demo", "1", *at).err
    assert cli("models", "quarantine", "demo", "2", "--reason", "odd answers", *at).code == 0
    assert "quarantine" in cli("rollout", "start", "demo", "--to", "2", *at).err
