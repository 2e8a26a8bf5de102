"""What was restored, how it was checked, and how long it took."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    page.line(f"Backup {result['id']} is restored in {result['into']}.", "bold")
    page.line(f"{result['files']} files, {result['size_bytes'] / 1e6:.1f} MB in {result['seconds']:.2f} s; "
              f"{result['databases']} databases whole, {result['bundles']} bundles verified, "
              f"{result['golden_rows']} golden rows answered, {result['events']} events.")  # fmt: skip
    if result["missing"]:
        page.line(f"Bundles that were gone already: {', '.join(result['missing'])}.", "yellow")
    if not result["secrets"]:
        page.line("The secret that hashes personal data was not backed up; put it back where the log is.", "dim")
