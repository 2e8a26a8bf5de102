"""Every source gives the same table back; every bad input gives one sentence with the place and the fix."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwright.core import plugins
from modelwright.core.errors import ModelwrightError
from modelwright.core.ports import ReadOptions, Source, Store
from modelwright.core.tables import RawTable
from modelwright.data.conform import conform
from modelwright.data.read import read_table
from modelwright.data.schema import infer
from modelwright.spec.model import FeaturesSpec
from tests.services import require_service, s3_server

TABLE = pl.DataFrame({"k": [1, 2, 3], "x": [1.5, None, 2.5], "s": ["a", 'b, "c"', None]})


def read(source: str, folder: Path, **options: Any) -> RawTable:
    return read_table(source, ReadOptions(**options), base_dir=folder, cache_dir=folder / "cache")


def rows(raw: RawTable) -> list[tuple[Any, ...]]:
    return conform(raw, infer(raw.frame, FeaturesSpec(), {})).frame.select("k", "x", "s").sort("k").rows()


def _sqlite(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("create table t (k integer primary key, x real, s text)")
    connection.executemany("insert into t values (?, ?, ?)", TABLE.rows())
    connection.commit()
    connection.close()


WRITERS: dict[str, Callable[[Path], Any]] = {
    "t.csv": lambda path: TABLE.write_csv(path),
    "t.tsv": lambda path: TABLE.write_csv(path, separator="\t"),
    "t.csv.gz": lambda path: path.write_bytes(gzip.compress(TABLE.write_csv().encode())),
    "t.parquet": lambda path: TABLE.write_parquet(path),
    "t.arrow": lambda path: TABLE.write_ipc(path),
    "t.json": lambda path: TABLE.write_json(path),
    "t.jsonl": lambda path: TABLE.write_ndjson(path),
    "t.xlsx": lambda path: TABLE.write_excel(path),
    "plain_parquet": lambda path: TABLE.write_parquet(path),
    "plain_csv": lambda path: TABLE.write_csv(path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_files_give_the_table_back(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path / name)
    raw = read(name, tmp_path)
    assert rows(raw) == TABLE.rows()
    assert raw.digest == read(str(tmp_path / name), tmp_path).digest
    assert raw.digest.startswith("b3:")


def test_delta_gives_the_table_back_and_old_versions(tmp_path: Path) -> None:
    pytest.importorskip("deltalake")
    TABLE.write_delta(str(tmp_path / "d"))
    TABLE.with_columns(pl.col("k") + 3).write_delta(str(tmp_path / "d"), mode="append")
    assert read("d", tmp_path).frame.height == 6
    assert rows(read("d", tmp_path, table="version=0")) == TABLE.rows()


def test_sqlite_is_read_only_and_takes_a_table_or_one_select(tmp_path: Path) -> None:
    _sqlite(tmp_path / "t.db")
    for table in (None, "t", "select * from t order by k"):
        assert rows(read("sqlite:///t.db", tmp_path, table=table)) == TABLE.rows()
    for table in ("delete from t", "select 1; drop table t", "with x as (select 1) delete from t", "t; drop table t"):
        with pytest.raises(ModelwrightError):
            read("sqlite:///t.db", tmp_path, table=table)
    with pytest.raises(ModelwrightError, match="option 'mode'"):
        read("sqlite:///t.db?mode=rwc", tmp_path)
    assert read("sqlite:///t.db", tmp_path).frame.height == 3
    with pytest.raises(ModelwrightError, match="no database file"):
        read("sqlite:///nothere.db", tmp_path)
    assert not (tmp_path / "nothere.db").exists()


@pytest.mark.services
@pytest.mark.parametrize(
    ("url", "port", "name"),
    [
        ("postgresql://postgres:hush@127.0.0.1:5432/test", 5432, "PostgreSQL"),
        ("mysql://root@127.0.0.1:3306/test", 3306, "MariaDB"),
    ],
)
def test_database_servers(url: str, port: int, name: str, tmp_path: Path) -> None:
    import sqlalchemy

    require_service(name, "127.0.0.1", port)
    driver = url.replace("postgresql:", "postgresql+psycopg:").replace("mysql:", "mysql+pymysql:")
    engine = sqlalchemy.create_engine(driver)
    try:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("drop table if exists mw_contract"))
            connection.execute(
                sqlalchemy.text("create table mw_contract (k int primary key, x numeric(6,2), s varchar(20), d date)")
            )
            for row in TABLE.rows():
                values = dict(zip(("k", "x", "s"), row, strict=True))
                connection.execute(sqlalchemy.text("insert into mw_contract values (:k, :x, :s, '2024-02-29')"), values)
        raw = read(url, tmp_path, table="mw_contract")
        assert rows(raw) == TABLE.rows()
        assert raw.frame["d"].dtype == pl.Date
        assert "hush" not in raw.source
        assert raw.digest == read(url, tmp_path, table="mw_contract").digest
        with pytest.raises(ModelwrightError) as refused:
            read(url, tmp_path, table="select * from mw_contract where nosuch = 1")
        assert "nosuch" in refused.value.message
        with pytest.raises(ModelwrightError) as lost:
            read(url.replace("/test", "/nosuchdb"), tmp_path, table="mw_contract")
        assert "hush" not in str(lost.value.as_dict())
        with pytest.raises(ModelwrightError):  # a write inside a SELECT-like statement
            read(url, tmp_path, table="with x as (delete from mw_contract returning k) select * from x")
        assert read(url, tmp_path, table="mw_contract").frame.height == 3
    finally:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("drop table if exists mw_contract"))
        engine.dispose()


@pytest.fixture(scope="module")
def s3() -> Iterator[tuple[str, Any]]:
    yield from s3_server()


@pytest.fixture
def bucket(s3: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    endpoint, client = s3
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    return client


@pytest.mark.services
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_s3_objects_prefixes_globs_and_what_is_missing(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = TABLE.write_csv().encode()
    for key in ("path", "parts/1.csv", "parts/2.csv"):
        bucket.put_object(Bucket="bucket", Key=key, Body=content)
    bucket.put_object(Bucket="bucket", Key="mixed/1.csv", Body=content)
    bucket.put_object(Bucket="bucket", Key="mixed/2.json", Body=b'[{"a": 1}]')
    assert rows(read("s3://bucket/path", tmp_path)) == TABLE.rows()
    assert read("s3://bucket/parts", tmp_path).frame.height == 6
    assert read("s3://bucket/parts/*.csv", tmp_path).digest == read("s3://bucket/parts", tmp_path).digest
    for uri in ("s3://bucket/absent.csv", "s3://no-such-bucket/path"):
        with pytest.raises(ModelwrightError) as caught:
            read(uri, tmp_path)
        assert uri in caught.value.message
        assert "AWS_ACCESS_KEY_ID" in caught.value.hint
    with pytest.raises(ModelwrightError, match="several formats"):
        read("s3://bucket/mixed", tmp_path)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    (tmp_path / "credentials").write_text("[lab]\naws_access_key_id = k\naws_secret_access_key = s\n")
    monkeypatch.setenv("AWS_PROFILE", "lab")
    assert rows(read("s3://bucket/path", tmp_path)) == TABLE.rows()
    monkeypatch.setenv("AWS_PROFILE", "other")
    with pytest.raises(ModelwrightError, match="no such profile"):
        read("s3://bucket/path", tmp_path)


class _Web(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = TABLE.write_csv().encode()
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "http://192.0.2.1/t.csv")
            self.end_headers()
            return
        if self.path.partition("?")[0] != "/t.csv":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's own name
        return


@pytest.fixture
def web() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Web)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_web_files(web: str, tmp_path: Path) -> None:
    assert rows(read(f"{web}/t.csv?token=hush", tmp_path)) == TABLE.rows()
    assert "hush" not in read(f"{web}/t.csv?token=hush", tmp_path).source
    for uri, words in (
        (f"{web}/none.csv", "404"),
        (f"{web}/away", "not https"),
        ("http://example.com/t.csv", "not https"),
    ):
        with pytest.raises(ModelwrightError, match=words):
            read(uri, tmp_path)
    with pytest.raises(ModelwrightError, match="larger than 5 bytes"):
        read(f"{web}/t.csv", tmp_path, max_bytes=5)


@pytest.mark.parametrize(
    ("name", "content", "words", "subject"),
    [
        ("t.csv", b"", "is empty", "file:t.csv"),
        ("t.csv", b"\n\n", "is empty", "file:t.csv"),
        ("t.csv", b"a,a\n1,2\n", "names 'a' twice", "column:a"),
        ("t.csv", b",a\n1,2\n", "Column 1 of t.csv has no name", "column:1"),
        ("t.csv", b"a,b\n1,\x002\n", "Line 2 of t.csv holds a NUL", "line:2"),
        ("t.csv", "a,b\n1,2\n".encode("utf-16"), "UTF-16", "file:t.csv"),
        ("t.csv", b"a,\xe9\n1,2\n", "header of t.csv is not UTF-8", "line:1"),
        ("t.csv", b"a,b\n1,\xe9\n", "not UTF-8", "line:2"),
        ("t.csv", b"a,b\n" + b"x" * (17 << 20), "Line 2 of t.csv is longer", "line:2"),
        ("t.csv", b"x" * (9 << 20), "header of t.csv is longer", "line:1"),
        ("t.csv", ",".join(f"c{i}" for i in range(60_000)).encode() + b"\n", "60,000 columns", "data.header"),
        ("t.csv", b"PAR1....PAR1", "is Parquet, not text", "file:t.csv"),
        ("t.csv", b"a,b\n1\n", "No row of t.csv can be read; line 2", "line:2"),
        ("t.json", b'[{"a": NaN}]', "NaN is not JSON", "file:t.json"),
        ("t.json", b'[{"a": 1, "a": 2}]', "key 'a' is there twice", "file:t.json"),
        ("t.json", b'[{"a": 1}, ', "line 1, column", "file:t.json"),
        ("t.json", b"[" * 200_000, "nested too deeply", "file:t.json"),
        ("t.parquet", b"PAR1", "cannot be read as parquet", "file:t.parquet"),
        ("t.arrow", b"ARROW1", "cannot be read as arrow", "file:t.arrow"),
        ("t.xlsx", b"PK\x03\x04", "cannot be opened as a workbook", "file:t.xlsx"),
        ("t.csv.gz", b"\x1f\x8bno", "not a complete gzip", "file:t.csv.gz"),
        ("t.xyz", b"\x00\x01", "format that is not known", "file:t.xyz"),
    ],
)
def test_bad_files(name: str, content: bytes, words: str, subject: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelwrightError) as caught:
        read(name, tmp_path)
    assert words in caught.value.message
    assert caught.value.subject == subject
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_quarantine_names_lines_and_keeps_the_rest(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(
        b'a,b\r\n1,2\r\n3\r\n\r\n4,5,6\r\n7,"open\r\n8,9\r\n10,"x ""y""\r\nz"\r\n11,12\r\n'
    )
    raw = read("t.csv", tmp_path)
    assert [(row.line, row.content) for row in raw.quarantined] == [(3, "3"), (5, "4,5,6"), (6, '7,"open')]
    assert raw.frame["a"].to_list() == ["1", "8", "10", "11"]
    assert "3 rows could not be read" in raw.notes[-1]


cells = st.text(alphabet='ab1,"\n\r é', max_size=6)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), width=st.integers(1, 4))
def test_good_and_quarantined_rows_add_up(data: st.DataObject, width: int, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.getbasetemp()
    lines = data.draw(
        st.lists(st.lists(st.sampled_from(["a", "1", "x y", "é", ""]), min_size=1, max_size=5), max_size=20)
    )
    header = ",".join(f"c{i}" for i in range(width))
    body = [",".join(line) for line in lines]
    (folder / "sum.csv").write_text("\n".join([header, *body]) + "\n", encoding="utf-8")
    physical = sum(1 for line in body if line)
    fitting = sum(1 for line, text in zip(lines, body, strict=True) if text and len(line) == width)
    if not fitting and physical:
        with pytest.raises(ModelwrightError, match="No row"):
            read("sum.csv", folder)
        return
    raw = read("sum.csv", folder)
    assert raw.frame.height == fitting
    assert raw.frame.height + len(raw.quarantined) == physical


@settings(max_examples=150, deadline=None)
@given(table=st.lists(st.tuples(cells, cells), min_size=1, max_size=8))
def test_quoted_text_comes_back_as_it_was(table: list[tuple[str, str]], tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.getbasetemp()
    quoted = "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in table)
    (folder / "quoted.csv").write_bytes(("a,b\n" + quoted).encode())
    raw = read("quoted.csv", folder)
    assert not raw.quarantined
    assert [tuple(cell or "" for cell in row) for row in raw.frame.rows()] == table


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=200) | st.text(alphabet='a,"\n\r\0;é', max_size=80).map(str.encode))
def test_any_bytes_give_a_table_or_a_clear_error(content: bytes, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "any.csv").write_bytes(content)
    try:
        raw = read("any.csv", folder)
    except ModelwrightError as error:
        assert error.hint  # noqa: PT017 - either outcome is right, a silent third is not
        return
    assert raw.frame.width >= 1


def test_files_of_one_table_need_one_header(tmp_path: Path) -> None:
    TABLE.write_csv(tmp_path / "1.csv")
    TABLE.drop("s").write_csv(tmp_path / "2.csv")
    with pytest.raises(ModelwrightError, match=r"2\.csv has another header than 1\.csv: s"):
        read("*.csv", tmp_path)


def test_a_source_of_ones_own_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "plugins" / "sources"
    folder.mkdir(parents=True)
    (folder / "fixed.py").write_text(
        '"""Columns of fixed width."""\n'
        "import pathlib\n"
        "import polars as pl\n"
        "from modelwright.core.tables import RawTable\n"
        "class _Fixed:\n"
        "    suffixes = ('.fixed',)\n"
        "    schemes = ()\n"
        "    def read(self, locations, options):\n"
        "        rows = [line.split() for line in pathlib.Path(locations[0]).read_text().splitlines()]\n"
        "        return RawTable(frame=pl.DataFrame(rows, schema=['a', 'b'], orient='row'), digest='b3:0', source='')\n"
        "PLUGIN = _Fixed()\n"
    )
    (tmp_path / "t.fixed").write_text("1 2\n3 4\n")
    monkeypatch.setenv("MODELWRIGHT_PLUGINS", str(tmp_path / "plugins"))
    assert read("t.fixed", tmp_path).frame.shape == (2, 2)


@pytest.mark.parametrize("seam", ["sources", "stores"])
def test_every_plugin_keeps_its_port(seam: str) -> None:
    good, bad = plugins.load_all(seam)
    assert not bad
    port: Any = Source if seam == "sources" else Store
    for name, plugin in good.items():
        assert isinstance(plugin, port), name
    assert all(listing.summary.endswith(".") for listing in plugins.listings(seam))


@pytest.mark.parametrize("name", ["breast_cancer", "iris", "wine", "diabetes", "digits"])
def test_bundled_sets(name: str, tmp_path: Path) -> None:
    frame = read(f"sklearn:{name}", tmp_path).frame
    assert "target" in frame.columns
    if name == "breast_cancer":
        assert set(frame["target"].unique()) == {"malignant", "benign"}


def test_a_function_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mw_own_source.py").write_text(
        "import polars as pl\ndef load():\n    return pl.DataFrame({'k': [1], 'x': [2.0], 's': ['a']})\n"
        "def number():\n    return 3\n"
    )
    assert rows(read("mw_own_source:load", tmp_path)) == [(1, 2.0, "a")]
    with pytest.raises(ModelwrightError, match="returned int"):
        read("mw_own_source:number", tmp_path)


def test_a_database_given_as_a_file_says_how_to_name_it(tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        connection.execute("create table t (x)")
    with pytest.raises(ModelwrightError) as refused:
        read("shop.db", tmp_path)
    assert "sqlite:///shop.db" in refused.value.hint
