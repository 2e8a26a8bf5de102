"""Shorthands for findings that many rules make."""

from __future__ import annotations

from modelwright.core.nouns import Finding, Level, Severity


def undecided(code: str, subject: str, what: str) -> Finding:
    """The rule could not judge; `what` says which evidence is missing, as the end of a sentence."""
    return Finding(
        code=code,
        severity=Severity.INFO,
        confidence=Level.LOW,
        subject=subject,
        message=f"Could not judge: {what}.",
        advice="provide the missing evidence and run the review again",
        undecided=True,
    )


def listing(names: list[str] | tuple[str, ...], most: int = 5) -> str:
    """`a, b, c and 4 more`."""
    shown = ", ".join(str(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
