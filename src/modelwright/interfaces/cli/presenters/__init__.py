"""How single commands are shown to people: one small file per command; the rest is shown by `_default`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modelwright.interfaces.cli.page import Page

#: commands that are shown like another one
_LIKE = {
    "review_features": "review",
    "review_model": "review",
    "review_data": "review",
    "review_pipeline": "review",
    **{
        f"rollout_{verb}": "rollout"
        for verb in ("start", "status", "abort", "resume", "skip", "finish", "promote", "drive")
    },
    **{f"models_{verb}": "models_moved" for verb in ("delete", "restore", "quarantine", "release")},
}


def presenter_for(name: str) -> Callable[[Any, Page], None]:
    """The function that shows a command's result; a result without the keys of its own view is shown plainly."""
    chosen = _LIKE.get(name, name)
    plain: Callable[[Any, Page], None] = importlib.import_module(f"{__name__}._default").present
    if not (Path(__file__).parent / f"{chosen}.py").is_file():
        return plain
    special: Callable[[Any, Page], None] = importlib.import_module(f"{__name__}.{chosen}").present

    def present(result: Any, page: Page) -> None:
        try:
            special(result, page)
        except (KeyError, TypeError):
            plain(result, page)

    return present
