"""Secrets of notifiers come from the environment, by the name that the file gives."""

from __future__ import annotations

import os

from modelwright.core.errors import AdapterError


def secret(variable: str) -> str:
    """Raises AdapterError (`notifier.secret`) naming the variable that is not set."""
    found = os.environ.get(variable, "")
    if not found:
        raise AdapterError(
            f"The environment variable {variable} is not set.",
            code="notifier.secret",
            hint=f"set {variable} where `modelwright watch` runs",
            subject=f"environment:{variable}",
            retryable=True,
        )
    return found
