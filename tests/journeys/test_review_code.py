"""A person reviews a folder: verdict, exit code, what a change brought, what is known, what can be mended."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelwright.interfaces.cli.main import main
from tests.unit.checks.code.toys import notebook, toy_rules


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    with toy_rules():
        yield tmp_path


def _put(root: Path, **files: str) -> None:
    for name, text in files.items():
        (root / name.replace("__", ".")).write_text(text)


def _ask(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = main(["review", "code", *words, "--select", "ZZ,IG", "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("text", "words", "code"),
    [
        ("x = 1", (), 0),
        ("leak", (), 0),
        ("fatal", (), 3),
        ("leak", ("--fail-on", "high"), 3),
        ("bad", ("--fail-on", "high"), 0),
        ("bad", ("--fail-on", "medium"), 3),
    ],
)
def test_exit_codes(
    project: Path, capsys: pytest.CaptureFixture[str], text: str, words: tuple[str, ...], code: int
) -> None:
    _put(project, a__py=text)
    assert _ask(capsys, ".", *words)[0] == code


@pytest.mark.parametrize("words", [("no.py",), ("empty",), (".", "--format", "xml"), (".", "--select", "QQ1")])
def test_a_mistake_is_told_without_a_traceback(
    project: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    (project / "empty").mkdir()
    assert main(["review", "code", *words]) == 2
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    assert "fix:" in told.err


def test_the_result_has_the_shape_of_every_review(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _put(project, a__py="y = 'é'; x = leak\nunknown\nz = leak  # mw: ignore[ZZ101] it is so\n")
    (project / "b.ipynb").write_text(notebook("x = 1", "y = 2\nfatal"))
    (project / "c.py").write_bytes(b"\0\1\2\3")
    code, result = _ask(capsys, ".")
    assert code == 3
    assert result["verdict"] == "NEEDS REWORK"
    assert [each["path"] for each in result["files"]["read"]] == ["a.py", "b.ipynb"]
    assert [each["path"] for each in result["files"]["skipped"]] == ["c.py"]
    assert result["undecided"][0]["subject"] == "a.py:2"
    assert result["ignored"][0]["reason"] == "it is so"
    assert result["counts"]["severity"] == {"critical": 1, "high": 1}
    by_code = {each["code"]: each for each in result["findings"]}
    assert by_code["ZZ102"]["subject"] == "b.ipynb:cell 2:line 2"
    seen = by_code["ZZ101"]["evidence"]
    assert (seen["path"], seen["line"], seen["column"], seen["cell"]) == ("a.py", 1, 14, None)
    assert [step["text"] for step in seen["steps"]] == ["learned here: leak", "judged here"]
    assert set(by_code["ZZ101"]) >= {
        "code", "severity", "blocking", "subject", "message", "observed", "threshold", "evidence", "advice", "source",
    }  # fmt: skip


def test_order_and_place_change_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _put(project, a__py="leak\nbad\n", b__py="x = bad\nunknown\n", c__py="fatal\n")
    one = _ask(capsys, ".")
    assert one == _ask(capsys, "c.py", "b.py", "a.py") == _ask(capsys, str(project), "a.py")
    other = project / "deeper" / "there"
    other.mkdir(parents=True)
    for name in ("a.py", "b.py", "c.py"):
        (other / name).write_text((project / name).read_text())
    os.chdir(other)
    assert _ask(capsys, ".") == one


def test_a_baseline_lets_only_new_findings_count(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _put(project, a__py="x = fatal\n")
    assert _ask(capsys, ".", "--baseline", "known.json", "--write-baseline")[0] == 0
    assert _ask(capsys, ".", "--baseline", "known.json", "--fail-on", "low")[0] == 0
    _put(project, a__py="# moved\n\nx = fatal\ny = leak\n")
    code, result = _ask(capsys, ".", "--baseline", "known.json", "--fail-on", "low")
    assert code == 3
    assert [each["subject"] for each in result["findings"]] == ["a.py:4"]
    assert result["baseline"] == {"path": "known.json", "known": 1, "gone": 0}
    _put(project, a__py="x = 1\n")
    assert _ask(capsys, ".", "--baseline", "known.json")[1]["baseline"]["gone"] == 1


def _git(*words: str) -> None:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ("-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *words], check=True, capture_output=True, env=environment, timeout=60)


def test_diff_tells_only_what_the_change_brought(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _put(project, a__py="x = leak\ny = 1\n", same__py="fatal\n", old__py="q = 1\nfatal\n")
    (project / "n.ipynb").write_text(notebook("x = leak", "y = 1"))
    _git("init", "-q", "-b", "main")
    _git("add", "-A")
    _git("commit", "-qm", "one")
    code, result = _ask(capsys, ".", "--diff", "HEAD")
    assert (code, result["findings"], result["files"]["read"]) == (0, [], [])
    _put(project, a__py="# more\nx = leak\ny = bad\n", new__py="z = leak\n")
    (project / "n.ipynb").write_text(notebook("%time\nx = leak", "y = leak"))
    _git("mv", "old.py", "moved.py")
    code, result = _ask(capsys, ".", "--diff", "HEAD")
    assert sorted(each["subject"] for each in result["findings"]) == ["a.py:3", "n.ipynb:cell 2:line 1", "new.py:1"]
    assert {each["by"] for each in result["ignored"]} == {"before"}
    _put(project, a__py="# more\nx =   leak\ny = bad\n")
    assert "a.py:2" in [each["subject"] for each in _ask(capsys, "a.py", "--diff", "HEAD")[1]["findings"]]
    for base in ("nobody", "--output=x", "HEAD:a.py"):
        assert _ask(capsys, ".", f"--diff={base}")[0] == 2


def test_diff_without_git_is_a_mistake(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _put(project, a__py="x = 1\n")
    assert _ask(capsys, ".", "--diff", "HEAD")[0] == 2


def test_fix_mends_and_a_second_run_changes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _put(project, a__py="x = bad\nwrongfix\n")
    (project / "n.ipynb").write_text(notebook("# ü\nx = bad"))
    (project / "a.py").chmod(0o750)
    (project / "link.py").symlink_to("a.py")
    _, result = _ask(capsys, "a.py", "n.ipynb", "link.py", "--fix")
    assert (project / "a.py").read_text() == "x = good\nwrongfix\n"
    assert (project / "a.py").stat().st_mode & 0o777 == 0o750
    assert (project / "link.py").is_symlink()
    assert (project / "n.ipynb").read_text() == notebook("# ü\nx = good")
    assert len(result["fixed"]) == 2
    assert {each["code"] for each in result["not_fixed"]} == {"ZZ203"}
    assert "ZZ201" not in {each["code"] for each in result["findings"]}
    before = {file: file.read_bytes() for file in project.iterdir()}
    assert _ask(capsys, ".", "--fix")[1]["fixed"] == []
    assert {file: file.read_bytes() for file in project.iterdir()} == before


def test_documents_are_written_by_their_ending(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _put(project, a__py="x = leak\n")
    for name, begin in (("r.sarif", "{"), ("r.md", "# Code review"), ("r.html", "<!doctype html>"), ("r.json", "{")):
        assert _ask(capsys, "a.py", "-o", name)[1]["paths"] == {"review": name}
        assert (project / name).read_text().startswith(begin)
    assert _ask(capsys, "a.py", "-o", "r.xyz")[0] == 2
    assert main(["review", "code", "a.py", "--format", "github"]) == 0
    assert capsys.readouterr().out.startswith("::error file=a.py,line=1")


def test_settings_are_read_and_the_command_line_wins(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _put(project, a__py="x = leak\n", gen__py="fatal\n")
    _put(project, pyproject__toml='[tool.modelwright.review]\nexclude = ["gen.py"]\nfail-on = "high"\n')
    code, result = _ask(capsys, ".")
    assert (code, result["gate"], [each["path"] for each in result["files"]["read"]]) == (3, "failed", ["a.py"])
    assert _ask(capsys, ".", "--fail-on", "critical")[0] == 0
    assert _ask(capsys, "gen.py")[1]["verdict"] == "NEEDS REWORK"  # named files are always taken
    _put(project, pyproject__toml="[tool.modelwright.review]\nexclud = []\n")
    assert _ask(capsys, ".")[0] == 2


def test_nothing_heavy_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("from sklearn.svm import SVC\nSVC().fit(X, y)\n")
    script = (
        "import sys\nfrom modelwright.interfaces.cli.main import main\nmain(['review', 'code', 'a.py'])\n"
        "heavy = ('numpy', 'polars', 'scipy', 'sklearn', 'yaml', 'rich', 'jinja2', 'psutil', 'subprocess')\n"
        "sys.stderr.write(repr([name for name in heavy if name in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == "[]"


LEAK = """
from sklearn.model_selection import train_test_split
X, y = load()
X = StandardScaler().fit_transform(X)
a, b, c, d = train_test_split(X, y)
m = LogisticRegression().fit(a, c)
print(m.score(b, d))
"""
LOOP = """
import torch
for x, y in loader:
    loss = f(net(x), y)
    loss.backward()
    opt.step()
"""
SYNTAX = """
class A:
    def f(self, *a, **k):
        return [x for x in a if (lambda q: q)(x)]

@d
async def g(): await h()
"""
SEEDS = (LEAK, LOOP, SYNTAX)


def test_no_input_breaks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Random bytes, mutated files, odd notebooks, deep nesting: named, skipped or reviewed."""
    monkeypatch.chdir(tmp_path)
    rng = random.Random(20261121)
    for number in range(40):
        (tmp_path / f"bytes{number}.py").write_bytes(rng.randbytes(rng.randint(0, 300)))
        (tmp_path / f"bytes{number}.ipynb").write_bytes(rng.randbytes(rng.randint(0, 80)))
    for number in range(60):
        text = list(rng.choice(SEEDS))
        for _ in range(rng.randint(1, 6)):
            at = rng.randrange(len(text))
            text[at : at + rng.randint(0, 3)] = rng.choice(
                ["", "(", ")", "\n", "    ", "X", ":", "\t", "é", "\\", '"""']
            )
        (tmp_path / f"mutant{number}.py").write_text("".join(text))
        (tmp_path / f"mutant{number}.ipynb").write_text(notebook("".join(text), lists=number % 2 == 0))
    odd = [None, 1, [], {}, {"cells": None}, {"cells": [1, None, {}]}, {"cells": {"a": 1}}, {"worksheets": [None]},
           {"cells": [{"cell_type": "code", "source": None}]}, {"cells": [{"cell_type": "code", "source": [1, "x"]}]},
           {"cells": [{"cell_type": "code"}], "metadata": 3}, {"nbformat": 4}]  # fmt: skip
    for number, value in enumerate(odd):
        (tmp_path / f"odd{number}.ipynb").write_text(json.dumps(value))
    (tmp_path / "deep.py").write_text("x = " + "(" * 3000 + ")" * 3000)
    (tmp_path / "sum.py").write_text("x = " + "+".join("1" * 20_000))
    (tmp_path / "deep.ipynb").write_text('{"cells": ' + "[" * 100_000)
    assert main(["review", "code", ".", "--json"]) in (0, 3)
    out = capsys.readouterr().out
    result = json.loads(out)
    told = {each["path"] for each in (*result["files"]["read"], *result["files"]["skipped"])}
    assert told == {file.name for file in tmp_path.iterdir() if file.suffix in (".py", ".ipynb")}
    assert "CHECK.FAILED" not in {each["code"] for each in result["undecided"]}
    assert main(["review", "code", ".", "--json"]) in (0, 3)
    assert capsys.readouterr().out == out


CONFIG = "train:\n  lr: 0\n  epochs: 10\nmodel: {name: x}\ndata: {val: test.csv, test: test.csv}\n"


def test_a_configuration_that_is_named_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yaml").write_text(CONFIG)
    assert main(["review", "code", "c.yaml", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert {each["code"] for each in result["findings"]} == {"CF001", "CF002"}
    assert result["files"]["read"][0]["role"] == "config"
    (tmp_path / "other.json").write_text('{"name": "x"}')
    assert main(["review", "code", "other.json"]) == 2
