"""What was sealed, and what could not be read."""

from __future__ import annotations

from typing import Any

from modelwright.interfaces.cli.page import Page


def present(result: Any, page: Page) -> None:
    rows, files, labels = (int(result.get(name) or 0) for name in ("rows", "files", "labels"))
    page.line(f"Sealed {rows:,} predictions and {labels:,} labels of {result.get('segments', 0):,} segments in "
              f"{files:,} files.", "bold")  # fmt: skip
    if result.get("torn_bytes"):
        page.line(f"  {result['torn_bytes']:,} bytes that a killed process had not finished were cut off.")
    if result.get("erased_rows"):
        page.line(f"  {result['erased_rows']:,} rows of erased persons were left out.")
    for segment, problems in (result.get("damage") or {}).items():
        page.line(f"  {segment} is damaged and kept in damaged/: {'; '.join(problems)}", "yellow")
    compacted = result.get("compacted")
    if compacted:
        page.line(f"  {compacted.get('merged_files', 0):,} files became {compacted.get('new_files', 0):,}.")
        for path in compacted.get("damaged") or []:
            page.line(f"  {path} is not what was sealed and was left alone", "red")
