"""Files for the toy rules, and a review by them alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from modelwright.checks.code import loading
from modelwright.checks.code.finding_models import FileReview
from modelwright.checks.code.reviewing import Reviewer
from modelwright.checks.code.settings import Settings

PLUGINS = Path(__file__).parent / "plugins"


@contextmanager
def toy_rules() -> Iterator[None]:
    """The toy rules beside the real ones, for a while."""
    from modelwright.checks.code import reviewing

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELWRIGHT_PLUGINS", str(PLUGINS))
        reviewing.rules.cache_clear()
        reviewing.infos.cache_clear()
        yield
    reviewing.rules.cache_clear()
    reviewing.infos.cache_clear()


def reviewer(**settings: Any) -> Reviewer:
    return Reviewer(Settings(**{"select": ("ZZ", "IG"), **settings}))


def review(text: str, path: str = "a.py", **settings: Any) -> FileReview:
    return reviewer(**settings).source(loading.from_text(text, path))


def codes(found: FileReview) -> list[str]:
    return [each.code for each in found.findings]


def notebook(*cells: str, lists: bool = True, **more: Any) -> str:
    """A notebook of format 4 with a text cell before the code."""
    made: list[dict[str, Any]] = [{"cell_type": "markdown", "metadata": {}, "source": ["# told"]}]
    for number, cell in enumerate(cells, 1):
        source: Any = cell.splitlines(keepends=True) if lists else cell
        made.append({"cell_type": "code", "execution_count": number, "metadata": {}, "outputs": [], "source": source})
    whole = {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, **{"indent": 1, "ensure_ascii": False, **more}) + "\n"
