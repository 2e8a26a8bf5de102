"""Each alert has its runbook, and each command of each runbook does what the page says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelwright.monitoring.alerts import USUAL, runbook
from tests.journeys.test_watch import table

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "runbooks"
PIPELINE = """\
data: {source: t.csv}
features: {target: y}
model: {type: logistic, name: churn}
training: {budget_s: 60, proof_share: 0.0, workers: 1}
monitoring: {drift: {window: 300rows}}
"""


def test_every_kind_of_alert_has_a_page_and_every_page_a_kind() -> None:
    assert {str(PAGES / Path(runbook(about)).name) for about in USUAL} == {str(page) for page in PAGES.glob("*.md")}
    for page in PAGES.glob("*.md"):
        assert all(part in page.read_text() for part in ("**Symptom.**", "**Look.**", "**Act.**")), page.name


def _steps(page: Path) -> list[tuple[list[str], str]]:
    """Each command with the word that the page says is seen."""
    found = re.findall(r"```\n(modelwright .*?)\n```\n\nYou see (?:`([^`]+)`)?", page.read_text(), flags=re.DOTALL)
    assert page.read_text().count("```\nmodelwright") == len(found), page.name
    return [(shlex.split(command)[1:], word) for command, word in found]


@pytest.mark.journey
def test_every_command_of_every_runbook_does_what_the_page_says(cli: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    table(700, 1).write_csv(tmp_path / "t.csv")
    assert cli("run", "pipeline.yaml", "--json").code == 0
    assert cli("models", "promote", "churn", "1", "--json").code == 0
    table(900, 2, shift=2.0).drop("y").write_csv(tmp_path / "new.csv")
    assert cli("predict", "churn:1", "new.csv", "-o", "out.csv", "--log").code == 0
    assert cli("watch", "churn", "--once", "--json").code == 0
    for page in sorted(PAGES.glob("*.md")):
        for command, word in _steps(page):
            said = cli(*command)
            assert said.code == 0, f"{page.name}: {' '.join(command)}\n{said.err}{said.out}"
            assert word in said.out, f"{page.name}: {' '.join(command)} does not say {word}\n{said.out}"
