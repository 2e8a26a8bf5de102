"""Watching from the command line: a real model, a real prediction log, a real alert in a file, two watchers at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

PIPELINE = """\
data: {source: t.csv}
features: {target: y}
model: {type: logistic, name: visits}
evaluation: {metric: roc_auc}
training: {budget_s: 60, proof_share: 0.0, workers: 1}
monitoring:
  drift: {window: 300rows}
alerts:
  notifiers:
    file: {type: log, params: {path: told.jsonl}}
retraining:
  on_drift: true
  cool_down: 0s
  noise_jump: 1.0
"""


def table(n: int, seed: int, shift: float = 0.0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    y = np.where(a + b + rng.normal(size=n) > 0, "yes", "no")
    return pl.DataFrame({"a": (a + shift).round(4), "b": b.round(4), "y": y})


@pytest.mark.journey
def test_drift_is_told_once_and_leads_to_a_retraining(cli: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    table(700, 1).write_csv(tmp_path / "t.csv")
    assert cli("run", "pipeline.yaml", "--json").code == 0
    assert cli("models", "promote", "visits", "1", "--json").code == 0
    quiet = cli("watch", "visits", "--once", "--json")
    assert quiet.code == 0, quiet.out + quiet.err
    assert (quiet.json["signals"], quiet.json["job"], quiet.json["problems"]) == ([], None, [])
    table(900, 2, shift=2.0).drop("y").write_csv(tmp_path / "new.csv")
    assert cli("predict", "visits:1", "new.csv", "-o", "out.csv", "--log").code == 0
    seen = cli("watch", "visits", "--once", "--json").json
    assert "column:a" in [each["subject"] for each in seen["signals"]]
    assert (seen["trigger"], seen["job"]["outcome"], seen["champion"]) == ("drift", "nothing_new", 1)
    again = cli("watch", "visits", "--once", "--json").json
    assert again["alerts"] == []
    told = [json.loads(line) for line in (tmp_path / "told.jsonl").read_text().splitlines()]
    assert [each["kind"] for each in told] == ["opened"]
    listed = cli("alerts", "list", "visits", "--json").json
    assert listed["open"] == len(told[0]["lines"])
    assert cli("alerts", "ack", listed["alerts"][0]["id"], "--note", "known", "--json").json["acknowledged_by"]
    assert cli("alerts", "test", "visits", "--json").json["delivered"]
    assert cli("health", "visits", "--json").json["log"]["rows"] == 900
    assert cli("incidents", "list", "--json").json["incidents"] == []


@pytest.mark.journey
def test_bad_input_is_said_and_two_watchers_are_one(cli: Callable[..., Any], tmp_path: Path) -> None:
    from modelwright.lifecycle.leases import Leases

    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    assert cli("watch", "nobody", "--once", "--json").json["error"]["code"] == "model.unknown"
    assert cli("retrain", "nobody", "--json").json["error"]["code"] == "model.unknown"
    assert cli("health", "nobody", "--json").json["error"]["code"] == "model.unknown"
    assert cli("alerts", "ack", "zz", "--json").json["error"]["code"] == "alert.unknown"
    assert cli("incidents", "close", "zz", "--note", "x", "--json").json["error"]["code"] == "incident.unknown"
    assert not (tmp_path / ".modelwright").exists()
    from modelwright.core.nouns import Decision
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.registry.versions import register

    workspace = Workspace(tmp_path / ".modelwright")
    register(workspace.journal(), "visits", bundle_digest="sha256:0", run_id="r", decision=Decision.APPROVE)
    with Leases(workspace.root / "leases.sqlite").held("watch:visits", 60):
        said = cli("watch", "visits", "--once", "--pipeline", "pipeline.yaml", "--json")
    assert said.json["error"]["code"] == "lease.held"
    assert (
        cli("alerts", "silence", "visits", "--for", "1h", "--about", "weather", "--json").json["error"]["code"]
        == "alert.about"
    )
    assert cli("alerts", "silence", "visits", "--for", "1h", "--about", "drift", "--json").json["about"] == "drift"
