"""From a prediction to the analyst's table: written, sealed by the side process, read, labelled, erased, verified."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from modelwright.core.plugins import load
from modelwright.lifecycle import prediction_log
from modelwright.records.keys import load_key, subject_hash
from modelwright.records.prediction import encode
from tests.unit.records.log_samples import AMOUNTS, NOW_US, SCHEMA, label, prediction

pytestmark = pytest.mark.journey
WAIT_S = 60.0


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """400 predictions of two models, some of anna, with labels, in the segments of a server that has ended."""
    folder = prediction_log.log_folder(tmp_path / ".modelwright")
    key = load_key(folder)
    log = load("logs", "segments")(folder)
    for schema in (SCHEMA, AMOUNTS):
        log.describe(schema)
    for number in range(200):
        who = subject_hash("anna" if number % 50 == 0 else "ben", key)
        rows = ((20.0 + number, "basic" if number % 2 else "pro", True, NOW_US, who),)
        log.append(encode(prediction(number, rows=rows)))
        log.append(encode(prediction(1_000 + number, AMOUNTS)))
        if number % 4 == 0:
            log.append(encode(label(number, "yes")))
        log.commit()
    log.close()
    return tmp_path / ".modelwright"


def test_the_commands(cli: Callable, workspace: Path) -> None:
    status = cli("log", "status", "--json").json
    assert status["unsealed"]["rows"] == 400
    assert status["unsealed"]["lag_s"] != 0
    shown = cli("log", "show", "churn", "--request", "r7", "--json").json
    assert [row["f_age"] for row in shown["predictions"]] == [27.0]
    sealed = cli("log", "seal", "--json").json
    assert (sealed["rows"], sealed["labels"], sealed["damage"]) == (400, 50, {})
    assert cli("log", "verify", "--json").json["ok"]
    shown = cli("log", "show", "churn", "--since", "2026-11-21T14:05", "--labels", "--limit", "3", "--json").json
    assert [row["request_id"] for row in shown["predictions"]] == ["r197", "r198", "r199"]
    for suffix, read in ((".parquet", pl.read_parquet), (".csv", pl.read_csv), (".jsonl", pl.read_ndjson)):
        assert cli("log", "show", "amounts", "-o", f"out{suffix}").code == 0
        assert read(f"out{suffix}").height == 200
    assert cli("log", "show", "--since", "yesterday").code == 2
    for verb in ("status", "show", "seal", "verify"):
        said = cli("log", verb)
        assert said.code == 0, said.err
        assert said.out


def test_erasing_a_person_leaves_a_trace_without_a_name(cli: Callable, workspace: Path) -> None:
    assert cli("log", "erase", "--subject", "anna", "--json").json == {
        "subjects": 1,
        "rows": 4,
        "labels": 2,
        "files": 2,
    }
    assert prediction_log.read(workspace, "churn").collect().height == 196
    assert cli("log", "erase", "--subject", "anna", "--json").json["rows"] == 0
    from modelwright.lifecycle.workspace import Workspace

    events = list(Workspace(workspace).journal().read())
    assert [event.kind for event in events] == ["log.erased", "log.erased"]
    assert not [path for path in workspace.rglob("*") if path.is_file() and b"anna" in path.read_bytes()]


def test_a_damaged_file_is_named(cli: Callable, workspace: Path) -> None:
    cli("log", "seal")
    path = sorted((prediction_log.log_folder(workspace) / "sealed" / "predictions").rglob("*.parquet"))[0]
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    said = cli("log", "verify", "--json")
    assert said.code == 1
    assert said.json["first"].endswith(path.name)
    assert cli("log", "verify").code == 1
    assert cli("log", "show").code != 0


def test_retention(cli: Callable, workspace: Path) -> None:
    cli("log", "seal")
    assert cli("log", "retain", "--days", "36500", "--json").json["files"] == 0
    assert prediction_log.read(workspace).collect().height == 400


def test_duckdb_and_polars_say_the_same(workspace: Path, cli: Callable) -> None:
    cli("log", "seal")
    files = [str(path) for path in prediction_log.files(workspace, "churn")]
    theirs = duckdb.execute(
        'SELECT f_plan, count(*), avg(f_age), max(epoch_us("at")) FROM read_parquet(?, union_by_name = true) '
        "WHERE model = 'churn' GROUP BY f_plan ORDER BY f_plan",
        [files],
    ).fetchall()
    ours = (
        prediction_log.read(workspace, "churn")
        .group_by("f_plan")
        .agg(pl.len(), pl.col("f_age").mean(), pl.col("at").max().dt.epoch("us").alias("last"))
        .sort("f_plan")
        .collect()
    )
    assert theirs == ours.rows()


def test_late_labels_join_by_request(workspace: Path) -> None:
    both = prediction_log.joined(workspace, "churn", columns=["request_id", "prediction", "label"]).collect()
    assert both.height == 200
    assert both["label"].drop_nulls().to_list() == ["yes"] * 50
    since = datetime.fromtimestamp(NOW_US / 1_000_000 + 60, UTC)
    assert prediction_log.joined(workspace, "churn", since=since).collect().height == 0


def test_the_side_process_seals_and_ends_when_it_is_told(workspace: Path) -> None:
    command = prediction_log.sealer_command(workspace, {"*": 36_500})
    sealer = subprocess.Popen([*command, "--every=0.05"], stderr=subprocess.PIPE)
    give_up = time.monotonic() + WAIT_S
    while not (prediction_log.sealer_status(workspace) or {}).get("rows"):
        assert time.monotonic() < give_up
        time.sleep(0.02)
    sealer.terminate()
    _, said = sealer.communicate(timeout=WAIT_S)
    assert (sealer.returncode, said) == (0, b"")
    status = prediction_log.sealer_status(workspace)
    assert status is not None
    assert (status["rows"], status["failures"]) == (400, 0)
    assert prediction_log.read(workspace).collect().height == 400
    assert list((prediction_log.log_folder(workspace) / "segments").iterdir()) == []
