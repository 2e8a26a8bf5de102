"""Compare a text with the golden file of that name, or renew the file (see README.md beside it)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec

FILES = Path(__file__).parent / "files"
RENEW = "MODELWRIGHT_RENEW_GOLDEN"


def check(name: str, text: str) -> None:
    file = FILES / name
    if os.environ.get(RENEW):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert file.exists(), f"there is no golden file {name}: renew with {RENEW}=1"
    assert text == file.read_text(encoding="utf-8"), f"{name} has changed; if that is meant, renew with {RENEW}=1"


def plain(value: Any) -> str:
    """Sorted JSON of any of our structs, numbers to six digits."""
    return json.dumps(_rounded(msgspec.to_builtins(value)), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value
