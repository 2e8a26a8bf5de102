"""What a person does with finished runs: every command once, on two small runs that the whole module shares."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

pytestmark = pytest.mark.journey

PIPELINE = """\
data:
  source: {folder}/t.csv
features:
  target: label
model:
  name: shop
  type: decision_tree
  max_depth: 3
evaluation:
  cv: {{folds: 2}}
training:
  budget_s: 40
"""


@dataclass(frozen=True)
class Finished:
    folder: Path
    first: dict[str, Any]
    second: dict[str, Any]

    @property
    def at(self) -> tuple[str, str]:
        return ("--workspace", str(self.folder / ".modelwright"))


def _table(rows: int) -> pl.DataFrame:
    import numpy as np

    rng = np.random.default_rng(7)
    size = rng.normal(size=rows)
    label = np.where(rng.random(rows) < 1 / (1 + np.exp(-2 * size)), "yes", "no")
    return pl.DataFrame({"size": size.round(4), "kind": rng.choice(["red", "green"], rows), "label": label})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "pipeline.yaml").write_text(PIPELINE.format(folder=folder))
    _table(240).write_csv(folder / "t.csv")
    first = _run(folder)
    _table(300).with_columns(pl.lit(1.5).alias("extra") * pl.col("size")).write_csv(folder / "t.csv")
    return Finished(folder, first, _run(folder))


def _run(folder: Path) -> dict[str, Any]:
    from modelwright.interfaces.cli.main import main

    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        code = main(["run", str(folder / "pipeline.yaml"), "--json"])
    assert code in (0, 3), out.getvalue()
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


def test_a_profile_becomes_a_page(cli: Callable[..., Any], finished: Finished, tmp_path: Path) -> None:
    for name, start in (("page.html", "<!doctype html>"), ("page.md", "# ")):
        said = cli("profile", str(finished.folder / "t.csv"), "-o", name)
        assert said.code == 0, said.err
        assert (tmp_path / name).read_text().lower().startswith(start)
        assert "size" in (tmp_path / name).read_text()


def test_a_review_becomes_a_file(cli: Callable[..., Any], finished: Finished, tmp_path: Path) -> None:
    said = cli("review", "model", "latest", "-o", "review.md", *finished.at)
    assert said.code in (0, 3), said.err
    assert (tmp_path / "review.md").read_text().startswith("#")
    assert "review.md" in said.out


def test_two_versions_of_the_data_are_compared(cli: Callable[..., Any], finished: Finished) -> None:
    versions = cli("data", "versions", "--json", *finished.at).json["versions"]
    assert [version["rows"] for version in versions] == [300, 240]
    by_digest = cli("data", "diff", versions[1]["digest"][3:11], versions[0]["digest"], "--json", *finished.at).json
    by_run = cli("data", "diff", finished.first["run_id"], "latest", "--json", *finished.at).json
    assert by_digest == by_run
    assert (by_run["rows_before"], by_run["rows_after"], by_run["added"]) == (240, 300, ["extra"])
    shown = cli("data", "diff", finished.first["run_id"], *finished.at)
    assert "extra" in shown.out
    assert "240 rows" in shown.out
    nobody = cli("data", "diff", "ffff", "latest", "--json", *finished.at)
    assert nobody.code == 2
    assert nobody.json["error"]["hint"]


def test_runs_are_compared_and_reuse_is_explained(cli: Callable[..., Any], finished: Finished) -> None:
    compared = cli("runs", "compare", finished.first["run_id"], finished.second["run_id"], *finished.at)
    assert compared.code == 0, compared.err
    assert finished.first["run_id"] in compared.out
    miss = cli("why", "latest", "split", *finished.at)
    assert "ran" in miss.out
    assert "data:" in miss.out
    again = _run(finished.folder)
    hit = cli("why", again["run_id"], "train", "--json", *finished.at).json["steps"][0]
    assert hit["reused"]
    assert not hit["changed"]
    unknown = cli("why", "latest", "trian", "--json", *finished.at)
    assert unknown.code == 2
    assert "train" in unknown.json["error"]["hint"]


@pytest.mark.parametrize("name", ["shop:9", "shop@champion", "shpo", "shop:latest:1", "../shop"])
def test_models_that_are_not_there(cli: Callable[..., Any], finished: Finished, name: str) -> None:
    said = cli("models", "show", name, "--json", *finished.at)
    assert said.code == 2
    assert said.json["error"]["hint"]


def test_models_by_version(cli: Callable[..., Any], finished: Finished) -> None:
    assert cli("models", "show", "shop:1", "--json", *finished.at).json["run_id"] == finished.first["run_id"]
    assert cli("models", "show", "shop", "--json", *finished.at).json["version"] == 2
    assert "version.registered" in cli("models", "history", "shop", *finished.at).out


def test_explaining_rows(cli: Callable[..., Any], finished: Finished) -> None:
    shown = cli("explain", "latest", "--row", "299", *finished.at)
    assert shown.code == 0, shown.err
    assert "size" in shown.out
    far = cli("explain", "latest", "--row", "300", "--json", *finished.at)
    assert far.code == 2
    assert "0 to 299" in far.json["error"]["message"]
    assert cli("explain", "latest", "--row", "-1", "--json", *finished.at).code == 2


@pytest.mark.parametrize("output", ["out.parquet", "out.jsonl"])
def test_predicting_by_name(cli: Callable[..., Any], finished: Finished, tmp_path: Path, output: str) -> None:
    said = cli("predict", "shop:2", str(finished.folder / "t.csv"), "-o", output, *finished.at)
    assert said.code == 0, said.err
    assert "300 predictions" in said.out
    read = pl.read_parquet if output.endswith("parquet") else pl.read_ndjson
    answers = read(tmp_path / output)
    assert answers.columns == ["prediction", "probability_no", "probability_yes"]
    assert answers.height == 300


def test_predictions_that_are_refused(cli: Callable[..., Any], finished: Finished, tmp_path: Path) -> None:
    _table(10).drop("size").write_csv(tmp_path / "poor.csv")
    poor = cli("predict", "shop", "poor.csv", "-o", "out.csv", "--json", *finished.at)
    assert poor.code == 2
    assert "size" in poor.json["error"]["message"]
    assert not (tmp_path / "out.csv").exists()
    odd = cli("predict", "shop", "poor.csv", "-o", "out.docx", "--json", *finished.at)
    assert odd.code == 2
    assert ".parquet" in odd.json["error"]["hint"] + odd.json["error"]["message"]
    assert cli("predict", "nobody", "poor.csv", "-o", "out.csv", "--json", *finished.at).code == 2


COMMANDS = [
    ("runs", "list"), ("runs", "show"), ("models", "list"), ("data", "versions"), ("why",), ("explain",),
    ("review", "model"), ("models", "show", "shop"), ("models", "history", "shop"),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_output_is_narrow_and_ascii_where_the_terminal_is(
    finished: Finished, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelwright.interfaces.cli.main import main

    monkeypatch.setenv("COLUMNS", "60")
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    with contextlib.redirect_stdout(out):
        assert main([*command, *finished.at]) in (0, 3)
    out.flush()
    lines = raw.getvalue().decode("ascii").splitlines()
    assert not [line for line in lines if "\\u" in line or "\x1b" in line]
    assert all(len(line) <= 60 for line in lines if line.startswith(("+", "|")))


def test_a_damaged_run_hides_no_other(cli: Callable[..., Any], finished: Finished) -> None:
    damaged = finished.folder / ".modelwright" / "runs" / "20200101-000000-0000"
    damaged.mkdir()
    (damaged / "run.json").write_text('{"run_id": ')
    try:
        runs = cli("runs", "list", "--json", *finished.at).json["runs"]
        assert runs[-1]["status"] == "damaged"
        assert runs[0]["status"] == "done"
        assert cli("data", "versions", "--json", *finished.at).code == 0
        named = cli("runs", "show", "20200101", "--json", *finished.at)
        assert "20200101-000000-0000" in named.json["error"]["message"]
    finally:
        (damaged / "run.json").unlink()
        damaged.rmdir()
