"""The same table from every kind of place: read alike everywhere, and through the whole job from the main ones."""

from __future__ import annotations

import io
import sqlite3
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.services import require_service, s3_server

pytestmark = pytest.mark.journey

PIPELINE = """\
data:
  source: {source}
features:
  target: label
model:
  type: decision_tree
  max_depth: 3
evaluation:
  cv: {{folds: 2}}
training:
  budget_s: 30
  workers: 1
"""
#: the file of the issue, with the columns of our table
OF_THE_ISSUE = """\
data:
  source: s3://bucket/path
  sample_rate: 1.0
  train_split: 0.7
  val_split: 0.15
  test_split: 0.15
features:
  categorical: [kind, shop]
  numerical: [size, age]
  target: label
model:
  type: random_forest
  n_estimators: 100
  max_depth: 10
evaluation:
  metric: f1_score
  threshold: 0.75
training:
  budget_s: 30
"""


def _table() -> pl.DataFrame:
    import numpy as np

    rng = np.random.default_rng(7)
    size, age = rng.normal(size=300), rng.integers(18, 90, 300)
    kind = rng.choice(["red", "green", "blue"], 300)
    chance = 1 / (1 + np.exp(-(2 * size + (kind == "red") * 1.5)))
    return pl.DataFrame(
        {
            "size": size.round(4),
            "age": age,
            "kind": kind,
            "shop": rng.choice(["north", "south"], 300),
            "label": np.where(rng.random(300) < chance, "yes", "no"),
        }
    )


TABLE = _table()


def _parts(folder: Path) -> None:
    folder.mkdir()
    for number, part in enumerate(TABLE.iter_slices(100)):
        part.write_csv(folder / f"part-{number}.csv")


def _sqlite(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("create table sales (size real, age integer, kind text, shop text, label text)")
    connection.executemany("insert into sales values (?, ?, ?, ?, ?)", TABLE.rows())
    connection.commit()
    connection.close()


LOCAL: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "csv": ("t.csv", lambda folder: TABLE.write_csv(folder / "t.csv")),
    "parquet": ("t.parquet", lambda folder: TABLE.write_parquet(folder / "t.parquet")),
    "jsonl": ("t.jsonl", lambda folder: TABLE.write_ndjson(folder / "t.jsonl")),
    "excel": ("t.xlsx", lambda folder: TABLE.write_excel(folder / "t.xlsx")),
    "arrow": ("t.arrow", lambda folder: TABLE.write_ipc(folder / "t.arrow")),
    "glob": ("parts/*.csv", lambda folder: _parts(folder / "parts")),
    "sqlite": ("sqlite:///shop.db\n  table: sales", lambda folder: _sqlite(folder / "shop.db")),
    "delta": ("lake", lambda folder: _delta(folder / "lake")),
}


def _delta(path: Path) -> None:
    pytest.importorskip("deltalake")
    TABLE.write_delta(str(path))


def _is_read(cli: Callable[..., Any], folder: Path, source: str) -> None:
    """All rows, the right task and types, and nothing to complain of."""
    (folder / "pipeline.yaml").write_text(PIPELINE.format(source=source))
    said = cli("check", "data", "pipeline.yaml", "--json")
    assert said.code in (0, 3), said.err + said.out
    assert (said.json["rows"], said.json["columns"], said.json["task"]) == (300, 5, "binary")
    assert not said.json["quarantined"]


def _works(cli: Callable[..., Any], folder: Path, source: str, pipeline: str = PIPELINE) -> dict[str, Any]:
    """The whole job on that source; all 300 rows and a better model than the constant come out."""
    (folder / "pipeline.yaml").write_text(pipeline.format(source=source))
    said = cli("run", "pipeline.yaml", "--json")
    assert said.code in (0, 3), said.err + said.out
    result: dict[str, Any] = said.json
    shown = cli("runs", "show", "--json").json
    assert shown["rows"] == 300
    assert result["task"] == "binary"
    judged = result["metrics"]["test"][result["metric"]]["value"]
    assert judged > result["baseline"]["all"]["dummy"][result["metric"]]["value"]
    assert (Path(result["paths"]["bundle"]) / "manifest.json").is_file()
    return result


@pytest.mark.parametrize("kind", list(LOCAL))
def test_local_tables(cli: Callable[..., Any], tmp_path: Path, kind: str) -> None:
    source, write = LOCAL[kind]
    write(tmp_path)
    _is_read(cli, tmp_path, source)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_the_whole_job_on_local_tables(cli: Callable[..., Any], tmp_path: Path, kind: str) -> None:
    source, write = LOCAL[kind]
    write(tmp_path)
    _works(cli, tmp_path, source)


@pytest.fixture(scope="module")
def s3() -> Iterator[tuple[str, Any]]:
    yield from s3_server()


@pytest.mark.services
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("layout", ["a prefix of parts", "one object"])
def test_the_file_of_the_issue_on_s3(
    cli: Callable[..., Any], tmp_path: Path, s3: tuple[str, Any], monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    endpoint, client = s3
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    content = io.BytesIO()
    if layout == "one object":
        TABLE.write_parquet(content)
        objects = {"path": content.getvalue()}
    else:
        objects = {f"path/{n}.csv": part.write_csv().encode() for n, part in enumerate(TABLE.iter_slices(150))}
    for key, body in objects.items():
        client.put_object(Bucket="bucket", Key=key, Body=body)
    try:
        if layout == "one object":
            _works(cli, tmp_path, "", OF_THE_ISSUE)
        else:
            _is_read(cli, tmp_path, "s3://bucket/path")
    finally:
        for key in objects:
            client.delete_object(Bucket="bucket", Key=key)


class _Web(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = TABLE.write_csv().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's own name
        return


def test_a_table_on_the_web(cli: Callable[..., Any], tmp_path: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Web)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        _is_read(cli, tmp_path, f"http://127.0.0.1:{server.server_port}/t.csv")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


SERVERS = {
    "PostgreSQL": ("postgresql://postgres:hush@127.0.0.1:5432/test", "postgresql+psycopg", 5432),
    "MariaDB": ("mysql://root@127.0.0.1:3306/test", "mysql+pymysql", 3306),
}


@pytest.mark.services
@pytest.mark.parametrize("name", list(SERVERS))
def test_database_servers(cli: Callable[..., Any], tmp_path: Path, name: str) -> None:
    import sqlalchemy

    url, driver, port = SERVERS[name]
    require_service(name, "127.0.0.1", port)
    engine = sqlalchemy.create_engine(url.replace(url.partition(":")[0], driver, 1))
    columns = "size double precision, age int, kind varchar(9), shop varchar(9), label varchar(9)"
    try:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("drop table if exists mw_journey"))
            connection.execute(sqlalchemy.text(f"create table mw_journey ({columns})"))
            insert = sqlalchemy.text("insert into mw_journey values (:size, :age, :kind, :shop, :label)")
            connection.execute(insert, TABLE.to_dicts())
        _is_read(cli, tmp_path, f"{url}\n  table: mw_journey")
    finally:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("drop table if exists mw_journey"))
        engine.dispose()
