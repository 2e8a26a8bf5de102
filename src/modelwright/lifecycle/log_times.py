"""Times as people write them in the commands of the prediction log."""

from __future__ import annotations

from datetime import UTC, datetime

from modelwright.core.errors import SpecError


def moment(text: str | None, what: str) -> datetime | None:
    """ISO 8601, a day or a time; UTC where no zone is said. Raises SpecError (`log.time`)."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise SpecError(
            f"--{what} is '{text}', which is no time.",
            code="log.time",
            hint="write 2026-11-21, 2026-11-21T14:05 or 2026-11-21T14:05:00+01:00",
            subject=f"option:{what}",
        ) from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
