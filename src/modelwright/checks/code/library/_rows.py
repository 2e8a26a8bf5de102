"""Reads the tables: `meaning: names` lines under a module."""

from __future__ import annotations


def table(module: str, text: str) -> dict[str, str]:
    """`meaning: name name` lines, continued by indentation, as {module.name: meaning}."""
    found: dict[str, str] = {}
    prefix = f"{module}." if module else ""
    meaning = ""
    for line in text.splitlines():
        head, colon, rest = line.strip().partition(": ")
        if colon:
            meaning, line = head, rest
        for name in line.split():
            found[prefix + name] = meaning
    return found
