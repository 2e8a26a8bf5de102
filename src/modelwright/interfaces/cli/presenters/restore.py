"""What was restored, how it was checked, and how long it took."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page, text


def present(result: Any, page: Page) -> None:
    page.line(f"Backup {text(result.get('id'))} is restored in {text(result.get('into'))}.", "bold")
    page.line(f"{text(result.get('files'))} files, {(result.get('size_bytes') or 0) / 1e6:.1f} MB in "
              f"{result.get('seconds') or 0:.2f} s; {text(result.get('databases'))} databases whole, "
              f"{text(result.get('bundles'))} bundles verified, {text(result.get('golden_rows'))} golden rows "
              f"answered, {text(result.get('events'))} events.")  # fmt: skip
    if result.get("missing"):
        page.line(f"Bundles that were gone already: {text(result['missing'])}.", "yellow")
    if result.get("secrets") is False:
        page.line("The secret that hashes personal data was not backed up; put it back where the log is.", "dim")
