"""How much was copied, how much of it was new, and what restoring it took."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    page.line(f"Backup {result['id']}: {result['files']} files, {result['size_bytes'] / 1e6:.1f} MB, "
              f"{result['new_bytes'] / 1e6:.1f} MB of it new, up to event {result['sequence']}.", "bold")  # fmt: skip
    for note in result["notes"]:
        page.line(f"  {note}", "dim")
    found = result.get("verified")
    if found is None:
        page.line("It was not restored to see that it works.", "yellow")
    else:
        page.line(f"Restored once in {found['seconds']:.2f} s ({found['seconds_per_gb']:.0f} s a GB to copy): "
                  f"{found['databases']} databases whole, {found['bundles']} bundles verified, "
                  f"{found['golden_rows']} golden rows answered.")  # fmt: skip
    page.line(f"Restore it with `modelwright restore {result['dest']} FOLDER`.")
