"""Steps: reuse only what is intact and unchanged, and say why."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelwright.lifecycle.steps import StepRunner, clear_drafts, explain


def _write(text: str):
    def work(folder: Path) -> None:
        (folder / "result.txt").write_text(text)

    return work


def _never(_folder: Path) -> None:
    raise AssertionError("must be reused")


def test_a_step_is_reused_when_nothing_changed(tmp_path: Path) -> None:
    first = StepRunner(cache=tmp_path, base={"code": "1"}).run("fit", {"data": "a"}, _write("x"))
    again = StepRunner(cache=tmp_path, base={"code": "1"}).run("fit", {"data": "a"}, _never)
    assert not first.record.reused
    assert again.record.reused
    assert again.record.output == first.record.output
    assert (again.folder / "result.txt").read_text() == "x"


@pytest.mark.parametrize("change", [({"code": "2"}, {"data": "a"}), ({"code": "1"}, {"data": "b"})])
def test_any_changed_part_runs_the_step_again(tmp_path: Path, change: tuple[dict[str, str], dict[str, str]]) -> None:
    StepRunner(cache=tmp_path, base={"code": "1"}).run("fit", {"data": "a"}, _write("x"))
    base, parts = change
    again = StepRunner(cache=tmp_path, base=base).run("fit", parts, _write("y"))
    assert not again.record.reused


def test_steps_with_equal_parts_but_other_names_are_kept_apart(tmp_path: Path) -> None:
    runner = StepRunner(cache=tmp_path, base={})
    assert runner.run("a", {}, _write("a")).folder != runner.run("b", {}, _write("b")).folder


@pytest.mark.parametrize("damage", ["truncate", "delete", "add", "manifest"])
def test_a_damaged_result_is_never_reused(tmp_path: Path, damage: str) -> None:
    folder = StepRunner(cache=tmp_path, base={}).run("fit", {}, _write("good")).folder
    if damage == "truncate":
        (folder / "result.txt").write_text("goo")
    elif damage == "delete":
        (folder / "result.txt").unlink()
    elif damage == "add":
        (folder / "extra.txt").write_text("?")
    else:
        (folder / "step.json").write_text("{")
    again = StepRunner(cache=tmp_path, base={}).run("fit", {}, _write("good"))
    assert not again.record.reused
    assert "damaged" in again.record.reason
    assert (again.folder / "result.txt").read_text() == "good"


def test_an_interrupted_result_serves_its_run_and_no_other(tmp_path: Path) -> None:
    def interrupted(folder: Path) -> bool:
        (folder / "result.txt").write_text("half")
        return False

    once = StepRunner(cache=tmp_path, base={}).run("fit", {}, interrupted)
    assert (once.folder / "result.txt").read_text() == "half"
    again = StepRunner(cache=tmp_path, base={}).run("fit", {}, _write("whole"))
    assert (again.folder / "result.txt").read_text() == "whole"


def test_a_failed_step_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "result.txt").write_text("x")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        StepRunner(cache=tmp_path, base={}).run("fit", {}, fail)
    assert list(tmp_path.iterdir()) == []


def test_drafts_of_killed_runs_are_cleared(tmp_path: Path) -> None:
    (tmp_path / ".draft-abc").mkdir()
    kept = StepRunner(cache=tmp_path, base={}).run("fit", {}, _write("x")).folder
    clear_drafts(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == [kept.name]


def test_the_explanation_names_the_changed_parts() -> None:
    text = explain({"code": "1", "data": "a"}, {"code": "1", "data": "b"}, "r1")
    assert text == "changed since run r1: data"
