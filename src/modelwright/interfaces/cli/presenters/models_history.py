"""Everything that happened to a model, oldest first."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, digest, text, when


def present(result: Any, page: Page) -> None:
    page.table(
        ("when", "who", "what", "details"),
        [
            (when(event.get("at")), event.get("actor"), event.get("kind"), _details(event.get("payload") or {}))
            for event in result.get("events") or []
        ],
    )


def _details(payload: dict[str, Any]) -> str:
    short = {key: value for key, value in payload.items() if not isinstance(value, (dict, list))}
    return text({_word(key): digest(value) if key.endswith("digest") else str(value) for key, value in short.items()})


def _word(key: str) -> str:
    return key.removesuffix("_id").replace("_", " ")
