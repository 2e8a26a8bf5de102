"""The command-line door on small real operations."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from modelwright.core.errors import AdapterError, DataError, ModelwrightError, NotFoundError, SpecError, StateError
from modelwright.interfaces.cli import arguments, commands, exit_codes, output, presenters, problems
from modelwright.interfaces.cli.main import main
from modelwright.interfaces.cli.page import Page, interval, text
from modelwright.interfaces.cli.presenters import presenter_for
from modelwright.interfaces.cli.progress import sentence
from modelwright.lifecycle.operation import Progress, Request


def said(capsys: pytest.CaptureFixture[str], *given: str) -> tuple[int, Any, str]:
    code = main([*given, "--json"])
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    return code, json.loads(out), err


class Wanted(Request, frozen=True, kw_only=True):
    place: Annotated[str, Meta(extra={"positional": True})]
    limit: Annotated[int, Meta(ge=1, le=9, description="how many")] = 3
    share: Annotated[Annotated[float, Meta(gt=0, lt=1)] | None, Meta(description="part")] = None
    kind: Literal["a", "b"] = "a"
    sets: Annotated[tuple[str, ...], Meta(extra={"name": "--set"})] = ()
    deep: bool = False
    wide: bool = True
    output: Annotated[str | None, Meta(extra={"flag": "-o"})] = None


def parsed(*given: str) -> Any:
    return arguments.parse(("x",), "help", Wanted, list(given))[0]


def test_arguments_come_from_the_request() -> None:
    found = parsed("here", "--limit", "4", "--share", "0.5", "--kind", "b", "--set", "a=1", "--set", "b=2", "--deep")
    assert found == Wanted(place="here", limit=4, share=0.5, kind="b", sets=("a=1", "b=2"), deep=True)
    assert parsed("here", "--no-wide", "-o", "out.csv") == Wanted(place="here", wide=False, output="out.csv")
    assert parsed("--limit", "2", "007").place == "007"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["x", "--limit", "0"], "'--limit' must be at least 1 and at most 9"),
        (["x", "--limit", "many"], "'--limit' takes a whole number"),
        (["x", "--share", "2"], "'--share' must be above 0.* and below 1"),
        (["x", "--share", "nan"], "'--share' takes a number"),
        (["x", "--kind", "c"], "'--kind' must be one of a, b"),
        ([], "required"),
        (["x", "--limt", "3"], "Unrecognized"),
    ],
)
def test_wrong_arguments_are_one_sentence(given: list[str], message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        parsed(*given)
    assert caught.value.hint


def test_each_operation_is_a_command_with_help(capsys: pytest.CaptureFixture[str]) -> None:
    known = commands.commands()
    assert ("run",) in known
    assert ("runs", "list") in known
    for words, summary in known.items():
        assert summary.endswith("."), words
        assert main([*words, "--help"]) == 0
        assert summary.split()[0] in capsys.readouterr().out
    assert main(["runs", "--help"]) == 0
    assert "runs compare" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "hint"), [(["rn"], "'run'"), (["runs", "lst"], "'runs list'"), (["runs"], "modelwright runs list")]
)
def test_unknown_commands_get_the_nearest(
    given: list[str], hint: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, result, _ = said(capsys, *given)
    assert code == exit_codes.MISTAKE
    assert hint in result["error"]["hint"]


def test_doctor_plugins_and_schema_say_what_they_find(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, doctor, _ = said(capsys, "doctor", "--workspace", str(tmp_path / "w"))
    assert doctor["ok"] == (code == 0)
    assert {"python", "sqlite", "memory", "cores", "disk", "workspace"} <= {item["name"] for item in doctor["items"]}
    assert {item["status"] for item in doctor["items"]} <= {"ok", "warn", "fail"}
    assert not (tmp_path / "w").exists()
    _, listed, _ = said(capsys, "--json", "plugins", "families")
    assert all(plugin["summary"] for plugin in listed["plugins"])
    _, schema, _ = said(capsys, "schema")
    assert "DataSpec" in schema["schema"]["$defs"]


def test_a_mistake_in_the_file_has_its_place(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "pipeline.yaml"
    file.write_text("data:\n  sorce: x.csv\nfeatures:\n  targt: y\n")
    code, result, _ = said(capsys, "run", str(file))
    error = result["error"]
    assert (code, error["line"], error["column"], len(error["others"])) == (2, 2, 3, 1)
    assert main(["run", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "    2 |   sorce: x.csv\n" in err
    assert "fix: did you mean 'source'?" in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == [file]


def test_the_unexpected_leaves_an_incident_and_no_traceback(tmp_path: Path) -> None:
    error = problems.as_error(ZeroDivisionError("boom"), tmp_path)
    (incident,) = (tmp_path / "incidents").iterdir()
    assert "boom" in incident.read_text()
    assert incident.stem in error.message
    assert "Traceback" not in problems.for_people(error, color=False)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SpecError("x"), 2),
        (DataError("x"), 2),
        (NotFoundError("x"), 2),
        (StateError("x", code="workspace.busy"), 2),
        (StateError("x"), 1),
        (AdapterError("x", code="store.unreadable"), 2),
        (AdapterError("x"), 1),
        (ModelwrightError("x"), 1),
        (OSError(28, "No space left on device"), 2),
        (ZeroDivisionError(), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes_of_errors(error: BaseException, code: int) -> None:
    assert exit_codes.of_error(error) == code


@pytest.mark.parametrize(
    ("result", "code"),
    [
        ({"verdict": "APPROVE"}, 0),
        ({"verdict": "CONDITIONAL"}, 0),
        ({"verdict": "NEEDS REWORK"}, 3),
        ({"ok": False}, 1),
        ({"status": "interrupted"}, 130),
        ([], 0),
    ],
)
def test_exit_codes_of_results(result: Any, code: int) -> None:
    assert exit_codes.of_result(result) == code


def test_json_has_no_nan() -> None:
    class Thing(msgspec.Struct):
        value: float

    assert output.plain({"a": [float("nan"), 1.0], "b": Thing(value=float("inf"))}) == {
        "a": [None, 1.0],
        "b": {"value": None},
    }


def test_a_terminal_that_only_knows_ascii_and_a_reader_that_leaves() -> None:
    program = [sys.executable, "-m", "modelwright", "plugins"]
    environment = {"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin", "LC_ALL": "C", "PYTHONUTF8": "0"}
    done = subprocess.run(program, capture_output=True, env=environment, timeout=60, check=True)
    assert done.stdout.decode("ascii")
    closed = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert closed.stdout is not None
    assert closed.stderr is not None
    closed.stdout.close()
    assert closed.stderr.read() == b""
    closed.stderr.close()
    assert closed.wait(60) == 0


def test_presenters_bear_missing_keys(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(str(commands.__file__)).parent / "presenters"
    for file in folder.glob("[a-z]*.py"):
        # its own view, not the plain one that catches what a view does not expect
        importlib.import_module(f"{presenters.__name__}.{file.stem}").present({}, Page(color=False))
    presenter_for("anything")({"rows": 3, "items": [{"a": 1, "b": None}], "next": "go"}, Page(color=False))
    assert "next: go" in capsys.readouterr().out


def test_presenters_bear_hollow_parts(capsys: pytest.CaptureFixture[str]) -> None:
    window = {"alarm": True, "features": [{"alarm": True, "message": "half"}], "joint": {"alarm": True}}
    hollow: dict[str, dict[str, Any]] = {
        "drift": {"alarm": True, "windows": [window], "smallest_shift": {"rows": 1}, "left_out": [{}],
                  "findings": [{}]},
        "decay": {"alarm": True, "segments": [{"worse": True}], "estimate": {"value": 0.5}, "findings": [{}]},
        "labels_status": {"audits": [{}, {"result": {"alarm": True}}], "findings": [{}], "estimate": {"value": 0.5},
                          "expected_without_labels": {"value": 0.5}},
        "labels_add": {"findings": [{}]},
        "labels_audit": {"windows": [{}]},
        "drill": {"steps": [{}]},
        "demo_loop": {"story": [{}], "stages": [{}], "next": [{}]},
        "backup": {"verified": {}},
        "snapshot": {"code": {"commit": "0123456789abcdef"}},
        "snapshots_list": {"snapshots": [{}]},
    }  # fmt: skip
    for name, result in hollow.items():
        importlib.import_module(f"{presenters.__name__}.{name}").present(result, Page(color=False))
        assert capsys.readouterr().out.strip()


def test_a_run_is_shown_with_verdict_figures_and_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    finding = {
        "code": "data.missing",
        "severity": "high",
        "subject": "column:a",
        "message": "Many are \x1b[31mmissing.",
    }
    result = {
        "run_id": "r1",
        "verdict": "NEEDS REWORK",
        "confidence": "HIGH",
        "reasons": ["No better than a guess."],
        "findings": [finding],
        "metric": "f1",
        "metrics": {"test": {"f1": {"value": 0.5, "low": 0.4, "high": 0.6}}},
        "baseline": {"name": "dummy", "value": 0.5, "low": None, "high": None},
        "paths": {"report": "r.html"},
    }
    presenter_for("run")(result, Page(color=False))
    out = capsys.readouterr().out
    for part in (
        "NEEDS REWORK",
        "No better than a guess",
        "0.5 (0.4 to 0.6)",
        "data.missing",
        "r.html",
        "review model r1",
    ):
        assert part in out
    assert "\x1b" not in out


def test_numbers_and_progress_for_people() -> None:
    assert text(1234567) == "1,234,567"
    assert text(None) == "-"
    assert interval({"value": 0.84, "low": None, "high": None}) == "0.84"
    event = Progress(step="train", message="lightgbm", done=3, total=9, best="0.81", time_left_s=75.0)
    assert sentence(event) == "train: lightgbm · 3/9 · best 0.81 · 1 min 15 s left"
