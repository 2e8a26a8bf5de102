"""How much was copied, how much of it was new, and what restoring it took."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, text


def present(result: Any, page: Page) -> None:
    size, new = ((result.get(key) or 0) / 1e6 for key in ("size_bytes", "new_bytes"))
    page.line(f"Backup {text(result.get('id'))}: {text(result.get('files'))} files, {size:.1f} MB, "
              f"{new:.1f} MB of it new, up to event {text(result.get('sequence'))}.", "bold")  # fmt: skip
    for note in result.get("notes") or []:
        page.line(f"  {note}", "dim")
    found = result.get("verified")
    if found is None:
        page.line("It was not restored to see that it works.", "yellow")
    else:
        page.line(f"Restored once in {found.get('seconds') or 0:.2f} s ({found.get('seconds_per_gb') or 0:.0f} s a GB "
                  f"to copy): {text(found.get('databases'))} databases whole, {text(found.get('bundles'))} bundles "
                  f"verified, {text(found.get('golden_rows'))} golden rows answered.")  # fmt: skip
    page.line(f"Restore it with `modelwright restore {result.get('dest', 'BACKUP')} FOLDER`.")
