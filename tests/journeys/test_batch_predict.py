"""`modelwright predict` on tables in chunks: same answers, same order, resumed after a kill, bad rows kept apart."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.contracts.stream_events import make_bundle
from tests.journeys.conftest import Said
from tests.services import s3_server

pytestmark = pytest.mark.journey
Cli = Callable[..., Said]
ROWS = 5_000


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("sums") / "bundle")


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    rng = np.random.default_rng(1)
    frame = pl.DataFrame({"id": np.arange(ROWS), "a": rng.normal(size=ROWS), "b": rng.normal(size=ROWS)})
    return frame.with_columns(pl.when(pl.col("id") % 97 == 0).then(None).otherwise(pl.col("a")).alias("a"))


def _write(frame: pl.DataFrame, path: Path) -> None:
    {".csv": frame.write_csv, ".parquet": frame.write_parquet, ".jsonl": frame.write_ndjson}[path.suffix](path)


def _read(path: Path) -> pl.DataFrame:
    return {".csv": pl.read_csv, ".parquet": pl.read_parquet, ".jsonl": pl.read_ndjson}[path.suffix](path)


@pytest.mark.parametrize(("kind", "out"), [(".csv", ".parquet"), (".parquet", ".csv"), (".jsonl", ".jsonl")])
def test_chunks_give_the_same_answers_in_the_same_order(
    kind: str, out: str, bundle: Path, table: pl.DataFrame, tmp_path: Path, cli: Cli
) -> None:
    _write(table, tmp_path / f"in{kind}")
    workers = ("--workers", "2" if kind == ".csv" else "1")  # two: in processes of their own
    whole = cli("predict", str(bundle), f"in{kind}", "-o", f"whole{out}", "--json")
    parts = cli("predict", str(bundle), f"in{kind}", "-o", f"parts{out}", "--chunk-rows", "700", *workers, "--json")
    assert (whole.code, parts.code) == (0, 0), parts.err
    assert parts.json["rows"] == ROWS
    assert _read(tmp_path / f"parts{out}").equals(_read(tmp_path / f"whole{out}"))
    assert not (tmp_path / f"parts{out}.progress").exists()


def test_bad_rows_are_kept_apart_with_their_lines(bundle: Path, tmp_path: Path, cli: Cli) -> None:
    lines = [f"{n},{n / 100},0.5" for n in range(1000)]
    lines[10] = "10,1"  # line 12 of the file
    lines[950] = "950,1,2,3"
    (tmp_path / "in.csv").write_text("id,a,b\n" + "\n".join(lines) + "\n")
    for arguments in ((), ("--chunk-rows", "300", "--workers", "1")):
        said = cli("predict", str(bundle), "in.csv", "-o", "out.csv", "--json", *arguments)
        assert said.code == 0, said.err
        bad = [json.loads(line) for line in (tmp_path / "out.csv.quarantine.jsonl").read_text().splitlines()]
        assert [(each["line"], each["content"]) for each in bad] == [(12, "10,1"), (952, "950,1,2,3")]
        assert said.json["rows"] + said.json["quarantined_rows"] == 1000
        assert said.json["paths"]["quarantine"].endswith("out.csv.quarantine.jsonl")


def test_a_killed_run_goes_on_where_it_was(bundle: Path, table: pl.DataFrame, tmp_path: Path, cli: Cli) -> None:
    big = pl.concat([table] * 20)
    big.write_parquet(tmp_path / "in.parquet")
    arguments = ["predict", str(bundle), "in.parquet", "-o", "out.parquet", "--chunk-rows", "500", "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "modelwright", *arguments],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    until = time.monotonic() + 60
    while time.monotonic() < until and len(list((tmp_path / "out.parquet.progress").glob("part-*.json"))) < 5:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out.parquet").exists()
    said = cli(*arguments, "--json")
    assert said.code == 0, said.err
    assert said.json["rows"] == big.height
    assert 2_500 <= said.json["resumed_rows"] < big.height
    once = cli("predict", str(bundle), "in.parquet", "-o", "once.parquet", "--json")
    assert once.code == 0
    assert pl.read_parquet(tmp_path / "out.parquet").equals(pl.read_parquet(tmp_path / "once.parquet"))


def test_what_was_begun_for_another_table_is_not_used(
    bundle: Path, table: pl.DataFrame, tmp_path: Path, cli: Cli
) -> None:
    work = tmp_path / "out.csv.progress"
    work.mkdir()
    (work / "part-000000.csv").write_text("nonsense\n")
    (work / "part-000000.csv.json").write_text('{"number": 0, "rows": 1000}')
    (work / "state.json").write_text("{}")
    table.write_csv(tmp_path / "in.csv")
    said = cli("predict", str(bundle), "in.csv", "-o", "out.csv", "--chunk-rows", "1000", "--workers", "1", "--json")
    assert said.code == 0, said.err
    assert said.json["resumed_rows"] == 0
    assert pl.read_csv(tmp_path / "out.csv").height == ROWS


def test_a_table_that_cannot_be_scored_is_one_sentence(bundle: Path, tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "in.csv").write_text("id,a\n1,2\n")
    said = cli("predict", str(bundle), "in.csv", "-o", "out.csv", "--chunk-rows", "10", "--workers", "1", "--json")
    assert said.code == 2
    assert "'b'" in said.err + said.out
    assert not (tmp_path / "out.csv").exists()
    assert cli("predict", str(bundle), "in.csv", "-o", "out.xml").code == 2
    assert cli("predict", str(bundle), "in.csv", "-o", "ftp://host/out.csv").code == 2


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for endpoint, client in s3_server():
        for name, value in {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "k",
            "AWS_SECRET_ACCESS_KEY": "s",
            "AWS_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        yield client


def test_objects_in_and_objects_out(bundle: Path, table: pl.DataFrame, s3: Any, tmp_path: Path, cli: Cli) -> None:
    table.write_csv(tmp_path / "local.csv")
    s3.upload_file(str(tmp_path / "local.csv"), "bucket", "in/table.csv")
    said = cli(
        "predict",
        str(bundle),
        "s3://bucket/in/table.csv",
        "-o",
        "s3://bucket/out/answers.csv",
        "--workers",
        "1",
        "--json",
    )
    assert said.code == 0, said.err
    assert said.json["paths"]["output"] == "s3://bucket/out/answers.csv"
    s3.download_file("bucket", "out/answers.csv", str(tmp_path / "answers.csv"))
    cli("predict", str(bundle), "local.csv", "-o", "here.csv")
    assert (tmp_path / "answers.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()


def test_answers_stand_in_the_prediction_log_too(bundle: Path, table: pl.DataFrame, tmp_path: Path, cli: Cli) -> None:
    from modelwright.records import segments

    table.write_csv(tmp_path / "in.csv")
    said = cli(
        "predict", str(bundle), "in.csv", "-o", "out.csv", "--chunk-rows", "2000", "--workers", "1", "--log", "--json"
    )
    assert said.code == 0, said.err
    folder = segments.segment_folder(tmp_path / ".modelwright" / "log" / "predictions")
    files = [file for file in folder.rglob("*") if file.suffix in (segments.OPEN, segments.CLOSED)]
    records = [each for file in files for each in segments.scan(file.read_bytes()).records()]
    found = [each for each in records if each[0] == "p"]
    assert sum(len(each[10]) for each in found) == ROWS  # answers
    assert {each[4] for each in found} == {"batch"}
    assert len({each[1] for each in found}) == len(found)  # request ids
