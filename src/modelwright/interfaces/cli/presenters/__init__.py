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
}


def presenter_for(name: str) -> Callable[[Any, Page], None]:
    """The function that shows a command's result."""
    chosen = _LIKE.get(name, name)
    if not (Path(__file__).parent / f"{chosen}.py").is_file():
        chosen = "_default"
    present: Callable[[Any, Page], None] = importlib.import_module(f"{__name__}.{chosen}").present
    return present
