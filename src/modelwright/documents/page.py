"""Render a page: one file, autoescaped, with its style and its script inside and nothing else allowed in.

The content security policy names the digests of exactly this style and this script, so that nothing a column
name could smuggle in would run, and the page cannot reach any network.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from pathlib import Path
from typing import Any

from markupsafe import Markup

from modelwright.documents import facts, words

FOLDER = Path(__file__).parent / "templates"


def render(template: str, context: dict[str, Any]) -> str:
    """The page as text. The same context always gives the same bytes."""
    style, script = _asset("page.css"), _asset("page.js")
    page = _environment().get_template(template)
    text = page.render(
        style=Markup(style),  # noqa: S704  our own file
        script=Markup(script),  # noqa: S704  our own file
        style_hash=_hash(style),
        script_hash=_hash(script),
        **context,
    )
    # blank lines come from the template's own conditions; inside <pre> they are content
    head, mark, rest = text.partition("<pre>")
    return _without_blank_lines(head) + (mark + rest if mark else "") + "\n"


@functools.cache
def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("number", "share", "duration", "microseconds", "size", "sentence", "plain", "span"):
        environment.filters[name] = getattr(words, name)
    environment.filters.update(answer=_answer, answer_icon=_answer_icon, seen=_seen, refit=facts.refit)
    return environment


@functools.cache
def _asset(name: str) -> str:
    return _without_blank_lines((FOLDER / name).read_text(encoding="utf-8"))


def _without_blank_lines(text: str) -> str:
    return "\n".join(line for line in text.split("\n") if line.strip())


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _answer(text: str) -> str:
    return text if text in ("yes", "no", "partly") else "unknown"


def _answer_icon(text: str) -> str:
    return {"yes": "good", "no": "bad", "partly": "warn"}.get(text, "none")


def _seen(field: Any) -> str:
    """Range or categories of one input, as training saw them."""
    if field.categories is not None:
        return words.plain(words.listed(field.categories, 8), 160)
    if field.low is not None and field.high is not None:
        return f"{words.number(field.low)} to {words.number(field.high)}"
    return ""
