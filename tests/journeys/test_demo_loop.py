"""The loop, shown: what is quick and certain in every run, the whole of it in the long ones."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from modelwright.core.errors import DataError, SpecError
from modelwright.documents.loop_report import markdown, page
from modelwright.lifecycle.demonstrating import tables
from modelwright.lifecycle.demonstrating.results import STAGES
from modelwright.lifecycle.demonstrating.traffic import Traffic
from modelwright.lifecycle.trial_server import Trial

_LONG_S = 900.0


def test_the_drift_is_what_is_written_down_and_the_same_every_time() -> None:
    one, again = (tables.divided("sklearn:digits", "target", 7) for _ in range(2))
    assert one.learn.equals(again.learn)
    assert one.fresh.equals(again.fresh)
    other = tables.divided("sklearn:digits", "target", 8)
    assert not other.base.equals(one.base)
    parts = (one.base, one.quiet, one.learn, one.fresh)
    assert sum(part.height for part in parts) == one.rows == 1_797
    assert len({part.columns.__repr__() for part in parts}) == 1
    column = one.drift.columns[0]
    plain = pl.DataFrame({"target": [0, 1, 2, 3, 4, 9], column: [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]})
    plain = plain.with_columns(pl.lit(0.0).alias(name) for name in one.drift.columns[1:])
    moved = tables.drifted(plain, one.base, "target", one.drift)
    assert one.drift.classes == ((0, 1), (2, 3))
    assert moved["target"].to_list() == [1, 0, 3, 2, 4, 9]
    spread = 1.5 * float(one.base[column].std())  # type: ignore[arg-type]
    assert moved[column].to_list() == pytest.approx([0.8 * value + spread for value in plain[column]])


def test_with_few_classes_names_change_only_where_it_says(tmp_path: Path) -> None:
    rows = pl.DataFrame({"x": [float(at % 100) for at in range(1_200)], "z": [float(at % 7) for at in range(1_200)]})
    rows = rows.with_columns(pl.when(pl.col("x") > 50).then(pl.lit("yes")).otherwise(pl.lit("no")).alias("y"))
    rows.write_csv(tmp_path / "t.csv")
    found = tables.divided(str(tmp_path / "t.csv"), "y", 1)
    assert (found.drift.where, found.drift.classes) == ("x", (("no", "yes"),))
    before = pl.DataFrame({"x": [1.0, 99.0], "z": [1.0, 1.0], "y": ["no", "yes"]})
    assert tables.drifted(before, found.base, "y", found.drift)["y"].to_list() == ["no", "no"]


def test_the_faulty_export_moves_every_value_one_column_on_and_keeps_the_classes() -> None:
    rows = pl.DataFrame({"a": [1, 2], "b": [3, 4], "c": ["u", "v"], "y": [0, 1]})
    found = tables.misaligned(rows, "y")
    assert found.to_dict(as_series=False) == {"a": [3, 4], "b": [1, 2], "c": ["u", "v"], "y": [0, 1]}


def test_a_table_that_cannot_show_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="150 rows") as small:
        tables.divided("sklearn:iris", "target", 1)
    assert small.value.code == "demo.rows"
    pl.DataFrame({"x": range(1_100), "y": [at / 7 for at in range(1_100)]}).write_csv(tmp_path / "t.csv")
    with pytest.raises(SpecError) as numbers:
        tables.divided(str(tmp_path / "t.csv"), "y", 1)
    assert numbers.value.code == "demo.target"


def test_a_budget_that_is_too_small_is_said_and_ends_with_1(cli: Callable[..., Any], tmp_path: Path) -> None:
    said = cli("demo", "loop", "--budget-s", "0.001", "--json")
    assert said.code == 1, said.err
    result = said.json
    assert result["ok"] is False
    assert result["missing"] == list(STAGES)
    assert "budget" in result["why"]
    assert "Not everything could be shown" in (tmp_path / "loop-report" / "loop.html").read_text()
    assert "Not everything could be shown" in (tmp_path / "loop-report" / "loop.md").read_text()
    assert "https://" not in page(result)
    assert 'src="' not in page(result)
    assert markdown(result) == markdown(json.loads(json.dumps(result)))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("x")
    kept = cli("demo", "loop", "--keep", "full", "--json")
    assert kept.json["error"]["code"] == "demo.exists"
    assert (tmp_path / "full" / "mine").read_text() == "x"


def test_classes_that_are_numbers_in_the_table_are_learned_from_the_log(tmp_path: Path) -> None:
    from modelwright.core.nouns import Column, ColumnType, Role
    from modelwright.core.nouns import Schema as TableSchema
    from modelwright.lifecycle.retraining.rows import _logged
    from modelwright.lifecycle.scoring import prediction_log
    from modelwright.lifecycle.workspace import Workspace
    from modelwright.records.prediction import Label, Prediction, Schema, encode

    log = prediction_log(tmp_path)
    logged = Schema("m", 1, "sha256:0", ("x",), ("number",), "multiclass", ("0", "1", "2"))
    log.describe(logged)
    for record in (
        Prediction("a", 1, logged.number, "champion", 1.0, 5, 0, "", ((0.5,),), (2,)),
        Prediction("b", 2, logged.number, "champion", 1.0, 5, 0, "", ((1.5,),), (0,)),
        Label("a", 0, "1", 3, 3),
    ):
        log.append(encode(record))
    log.close()
    x = Column(name="x", type=ColumnType.NUMBER, role=Role.FEATURE)
    y = Column(name="y", type=ColumnType.CATEGORY, role=Role.TARGET)
    like = pl.DataFrame(schema={"x": pl.Float64, "y": pl.Int64})
    found = _logged(Workspace(tmp_path), "m", TableSchema(columns=(x, y)), like)
    assert found.to_dict(as_series=False) == {"x": [0.5], "y": [1]}


class _Sometimes(http.server.BaseHTTPRequestHandler):
    """Every third prediction fails; labels are taken."""

    protocol_version = "HTTP/1.1"
    asked = 0

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["content-length"])))
        fails = False
        if "rows" in content:
            type(self).asked += 1
            fails = self.asked % 3 == 0
        said = {"request_id": str(self.asked), "model": {"version": 1}, "predictions": [7], "accepted": 1}
        body = json.dumps(said).encode()
        self.send_response(500 if fails else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def test_traffic_counts_what_fails_and_asks_each_row_once() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Sometimes)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    rows = [tables.Row(number=at, values={"x": at}, label="7" if at % 2 else "8") for at in range(9)]
    with subprocess.Popen([sys.executable, "-c", ""]) as nobody:
        trial = Trial(facts={}, process=nobody, port=server.server_address[1])
        with Traffic(trial, "m", per_s=200.0, lag_s=0.0) as traffic:
            tally = traffic.send("part", rows, again=False)
            ends = time.monotonic() + 60.0
            while (tally.requests < 9 or traffic.labels_told < 6) and time.monotonic() < ends:
                time.sleep(0.01)
    server.shutdown()
    server.server_close()
    assert (tally.requests, tally.failed, tally.versions, tally.repeats) == (9, 3, {1: 6}, 0)
    assert (tally.right, traffic.labels_told, traffic.failed) == ({1: 3}, 6, 3)
    assert tally.failures[0].startswith("500")


@pytest.mark.soak
def test_the_whole_loop_is_shown_with_evidence(cli: Callable[..., Any], tmp_path: Path) -> None:
    said = cli("demo", "loop", "--budget-s", str(_LONG_S), "--keep", "kept", "--json")
    assert said.code == 0, said.out[:2_000] + said.err[-2_000:]
    result = said.json
    facts = {stage["name"]: stage["facts"] for stage in result["stages"]}
    assert [stage["name"] for stage in result["stages"]] == list(STAGES)
    assert all(stage["shown"] and stage["claims"] for stage in result["stages"])
    assert (result["failed"], result["labels"]["failed"]) == (0, 0)
    assert facts["drift"]["drift"]["alarm"]
    assert facts["drift"]["decay"]["alarm"]
    assert facts["challenger"]["trigger"] == "decay"
    assert facts["canary"]["state"] == "finished"
    assert set(facts["canary"]["traffic"]["versions"]) == {"1", "2"}
    assert (facts["bad challenger"]["state"], facts["bad challenger"]["rule"]) == ("aborted", "wrong_rate>champion+0.1")
    assert (facts["rollback"]["from"], facts["rollback"]["to"]) == (2, 1)
    history = cli("models", "history", "loop", "--workspace", "kept/.modelwright", "--json").json["events"]
    assert [event["kind"] for event in history if event["kind"] in ("rollout.finished", "rollout.aborted")] == [
        "rollout.finished", "rollout.aborted",
    ]  # fmt: skip
    assert (tmp_path / "loop-report" / "loop.html").stat().st_size > 20_000


@pytest.mark.soak
@pytest.mark.parametrize("moment", ["train: ", ", process "])
def test_ctrl_c_leaves_no_process_behind(moment: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "modelwright.interfaces.cli.main", "demo", "loop", "--budget-s", str(_LONG_S)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as demo:
        assert demo.stderr is not None
        server = 0
        for line in demo.stderr:
            if moment in line:
                server = int(line.rsplit(" ", 1)[1]) if "process" in line else 0
                demo.send_signal(signal.SIGINT)
                break
        demo.stderr.read()
        assert demo.wait(120.0) == 130
    ends = time.monotonic() + 30.0
    while Path(f"/proc/{server}").exists() and time.monotonic() < ends:
        time.sleep(0.05)
    assert bool(server) == ("process" in moment)
    assert not server or not Path(f"/proc/{server}").exists()
    assert not list(tmp_path.iterdir())
