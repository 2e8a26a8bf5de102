"""The interface's description for people: one self-contained page, made from the OpenAPI document."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def page(document: Json) -> tuple[bytes, bytes]:
    """The page and the content security policy that lets it run its own style and script, and nothing else."""
    style, script = _part("page.css"), _part("page.js")
    parts = {
        "title": escape(document["info"]["title"]),
        "description": escape(document["info"]["description"]),
        "models": "".join(_models(document)),
        "paths": "".join(_paths(document)),
        "style": style,
        "script": script,
    }
    pieces = _part("page.html").split("{{")
    text = pieces[0] + "".join(parts[name] + rest for name, _, rest in (one.partition("}}") for one in pieces[1:]))
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; connect-src 'self'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    return text.encode("utf-8"), policy.encode("ascii")


def _models(document: Json) -> list[str]:
    schemas = document["components"]["schemas"]
    found = []
    for full, row in schemas.items():
        name, dot, kind = full.rpartition(".")
        if not dot or kind != "Row":
            continue
        example = schemas[f"{name}.Request"]["examples"][0]["rows"][0]
        path = f"/v1/models/{name}/predict"
        fields = "".join(_described(field, said) for field, said in row["properties"].items())
        asked = "".join(_asked(name, field, said, example[field]) for field, said in row["properties"].items())
        what = escape(schemas[f"{name}.Reply"]["properties"]["predictions"]["description"])
        found.append(
            f"<section><h2>{escape(name)}</h2><p>Gives: {what}</p>"
            f'<h3>Try it: <code>POST {escape(path)}</code></h3><form data-path="{escape(path)}">{asked}'
            f"<div><button>Predict</button></div></form><pre hidden></pre>"
            f'<h3>Fields</h3><table class="fields"><thead><tr><th>Name</th><th>Type</th><th>Description</th></tr>'
            f"</thead><tbody>{fields}</tbody></table></section>"
        )
    return found


def _described(name: str, said: Json) -> str:
    return f"<tr><td><code>{escape(name)}</code></td><td>{escape(_kind(said))}</td><td>{escape(said['description'])}</td></tr>"  # noqa: E501


def _asked(model: str, name: str, said: Json, example: Any) -> str:
    kind = _kind(said)
    named = f'name="{escape(name)}" data-type="{kind}"'
    if kind == "boolean":
        asked = f'<select {named}><option>true</option><option>false</option><option value=""></option></select>'
    elif kind == "number":
        asked = f'<input {named} type="number" step="any" value="{escape(str(example))}">'
    else:
        value = "" if example is None else escape(str(example))
        listed = f"{model}.{name}"
        options = "".join(f'<option value="{escape(one)}"></option>' for one in said.get("examples", ()))
        asked = f'<input {named} list="{escape(listed)}" value="{value}"><datalist id="{escape(listed)}">{options}</datalist>'  # noqa: E501
    return f"<label>{escape(name)}{asked}</label>"


def _kind(said: Json) -> str:
    kind = said["type"]
    return str(kind if isinstance(kind, str) else kind[0])


def _paths(document: Json) -> list[str]:
    return [
        f"<tr><td>{method.upper()}</td><td>{escape(path)}</td><td>{escape(said['summary'])}</td>"
        f"<td>{escape(said['x-scope'])}</td></tr>"
        for path, methods in document["paths"].items()
        for method, said in methods.items()
    ]


@cache
def _part(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _digest(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode("utf-8")).digest()).decode("ascii")
