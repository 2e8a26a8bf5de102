"""What several stages measure and say: answers by version, failures, intervals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from modelwright.lifecycle.demonstrating.scene import Loop
from modelwright.lifecycle.demonstrating.story import NotShownError
from modelwright.lifecycle.demonstrating.traffic import Tally

_AFTER = 25  # answers that are waited for after each move


def version_of(loop: Loop, stage: str) -> int:
    return int(next(one for one in loop.story.stages if one.name == stage).facts["version"])


def settled(loop: Loop, part: str, version: int) -> Tally:
    """The part's tally when so many answers in a row came from this version alone."""
    tally, seen = loop.live.parts[part], {"others": -1, "count": 0}

    def steady() -> bool:
        others = sum(tally.versions.values()) - tally.versions.get(version, 0)
        if others != seen["others"]:
            seen.update(others=others, count=tally.versions.get(version, 0))
        return tally.versions.get(version, 0) - seen["count"] >= _AFTER or tally.failed > 0

    loop.story.until(steady, f"answers of version {version}")
    return copied(tally)


def copied(tally: Tally) -> Tally:
    return replace(tally, versions=dict(tally.versions), right=dict(tally.right), failures=list(tally.failures),
                   latencies_s=list(tally.latencies_s))  # fmt: skip


def unfailed(tally: Tally, what: str) -> None:
    if tally.failed:
        raise NotShownError(f"{tally.failed} of {tally.requests} requests failed during {what}: {tally.failures[:2]}")


def by_version(tally: Tally) -> str:
    return ", ".join(f"{version}: {count}" for version, count in sorted(tally.versions.items()))


def share_right(tally: Tally, version: int) -> str:
    asked = tally.versions.get(version, 0)
    return f"{tally.right.get(version, 0) / asked:.1%}" if asked else "-"


def span(estimate: dict[str, Any]) -> str:
    return f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})"


def error_rate(decay: dict[str, Any]) -> str:
    now = decay["estimate"]
    return f"{now['value']:.1%} ({now['low']:.1%} to {now['high']:.1%})"
