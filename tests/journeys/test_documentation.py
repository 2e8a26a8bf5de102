"""The README and the tutorial are true: every command in them is typed, in order, in an empty folder."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from modelwright.spec.load import load_spec_text

ROOT = Path(__file__).parents[2]


def _blocks(page: Path, language: str = "") -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [str(block) for block in found]


def _commands(page: Path) -> list[list[str]]:
    lines = [line for block in _blocks(page) for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("modelwright ")]


@pytest.mark.journey
def test_every_command_of_the_tutorial_works_in_order(cli: Callable, tmp_path: Path) -> None:
    commands = _commands(ROOT / "docs" / "tutorials" / "first-model.md")
    assert len(commands) >= 10
    for command in commands:
        quick = ["6" if word == "30" else word for word in command]
        said = cli(*quick)
        assert said.code in (0, 3), f"{' '.join(command)}\n{said.err}\n{said.out}"
    assert (tmp_path / "profile.html").stat().st_size > 1_000
    assert (tmp_path / "predictions.csv").read_text().splitlines()[0].startswith("prediction,probability_")


def test_the_pipeline_file_in_the_readme_loads() -> None:
    text = _blocks(ROOT / "README.md", "yaml")[0]
    spec = load_spec_text(text).spec
    assert (spec.features.target, spec.evaluation.threshold) == ("churned", 0.75)


def test_every_command_in_every_page_exists() -> None:
    from modelwright.core.plugins import names

    known = {name.replace("_", " ") for name in names("operations")}
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for words in _commands(page):
            assert " ".join(words[:2]) in known or words[0] in known, f"{page.name}: {' '.join(words)}"


def test_yaml_in_the_how_to_pages_loads() -> None:
    for page in (ROOT / "docs" / "how-to").glob("*.md"):
        for text in _blocks(page, "yaml"):
            whole = text if "data:" in text else f"data:\n  source: table.csv\n{text}"
            assert load_spec_text(whole).spec.data.source
