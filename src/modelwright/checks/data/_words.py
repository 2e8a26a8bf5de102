"""Errors of the leak rules in words that people use."""

from __future__ import annotations


def score(n_classes: int, error: float) -> str:
    """An error on the scale of `stats.association` as AUC, share of the majority rule's errors, or R2."""
    if n_classes == 2:
        return f"AUC {1 - error / 2:.3f}"
    if n_classes:
        return f"{error:.1%} of the majority rule's errors"
    return f"R2 {1 - error:.3f}"
