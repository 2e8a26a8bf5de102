from __future__ import annotations

from pathlib import Path

import pytest

from modelwright.core.errors import NotFoundError
from modelwright.core.run import RunRecord
from modelwright.lifecycle.operations.review_pipeline import _of_configurations

BAD = "train:\n  lr: 0\n  epochs: 10\nmodel: {name: x}\n"
OURS = "data:\n  source: a.csv\nfeatures:\n  target: y\nmodel:\n  type: auto\n"


def _record(text: str) -> RunRecord:
    return RunRecord(run_id="r", name="n", status="done", started_at="2026-01-01T00:00:00Z", spec_text=text)


def test_the_runs_own_file_and_those_named_are_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "a.yaml").write_text(BAD)
    (tmp_path / "conf" / "port.json").write_text('{"port": 80}')
    assert _of_configurations(_record(OURS), ()) == []
    found = _of_configurations(_record(OURS), ("conf",))
    assert [(each.code, each.subject) for each in found] == [("CF002", "conf/a.yaml:2")]
    assert [each.subject for each in _of_configurations(_record(BAD), ())] == ["pipeline.yaml:2"]


def test_a_configuration_that_is_not_there_is_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFoundError, match="no such file"):
        _of_configurations(_record(OURS), ("nowhere.yaml",))
