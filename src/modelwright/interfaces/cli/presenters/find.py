"""What a repository holds, by kind, each with what it seems to do."""

from __future__ import annotations

import sys
from typing import Any

from modelwright.documents.code_review_text import clean
from modelwright.interfaces.cli.page import Page

_ORDER = ("training", "model code", "notebook", "serving", "test", "configuration", "bundle", "artefact")
_NAMED = 20


def present(result: Any, page: Page) -> None:
    found, skipped = result.get("found") or [], result.get("skipped") or []
    lines = [f"{result.get('looked_at', 0):,} files looked at, {len(found):,} of them about models"]
    for kind in _ORDER:
        items = [item for item in found if item["kind"] == kind]
        if not items:
            continue
        head = f"{kind} ({len(items):,})"
        lines += ["", f"\x1b[1m{head}\x1b[0m" if page.color else head]
        for item in items:
            size = f"  {item['size_bytes']:,} bytes" if item.get("size_bytes") is not None else ""
            lines += [f"  {clean(item['path'])}{size}", f"      {clean(item['what'])}"]
            if item["writes"]:
                lines.append(f"      writes: {clean(', '.join(item['writes']))}")
    if skipped:
        lines += ["", f"not read ({len(skipped):,})"]
        lines += [f"  {clean(each['path'])}: {clean(each['reason'])}" for each in skipped[:_NAMED]]
        lines += [f"  and {len(skipped) - _NAMED} more (--json lists them)"] if len(skipped) > _NAMED else []
    sys.stdout.write("\n".join(lines) + "\n")
