"""Numbers, names and durations as people write them. Every document uses these, so all of them agree."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from modelwright.checks.wording import metric_name as metric_name
from modelwright.core.nouns import Estimate

SPLIT_NAMES = {"train": "training", "val": "validation", "test": "sealed test", "nested": "nested validation"}
UNKNOWN = "–"


def split_name(name: str) -> str:
    return SPLIT_NAMES.get(name, name)


def number(value: Any, digits: int = 3) -> str:
    """A number with about `digits` significant digits, thousands separated; `–` where there is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return UNKNOWN if value is None else str(value)
    if not math.isfinite(value):
        return UNKNOWN
    if isinstance(value, int) or (value == int(value) and abs(value) >= 10**digits):
        return f"{int(value):,}"
    decimals = _decimals(abs(value), digits)
    text = f"{value:.1e}" if decimals is None else f"{value:,.{decimals}f}"
    return text.replace("-", "−") if decimals is not None else text


def _decimals(size: float, digits: int) -> int | None:
    """Decimals that show about `digits` significant digits; None where only powers of ten can."""
    if size == 0:
        return 0
    if size >= 1:
        return max(0, digits - 1 - int(math.log10(size)))
    return None if size < 10**-digits else digits


def signed(value: float | None, digits: int = 3) -> str:
    if value is None or not math.isfinite(value):
        return UNKNOWN
    return ("+" if value > 0 else "−" if value < 0 else "±") + number(abs(value), digits)


def share(value: Any) -> str:
    """0-1 as per cent, one decimal below ten."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return UNKNOWN
    pct = value * 100
    if 0 < pct < 0.1:
        return "< 0.1 %"
    return f"{pct:.0f} %" if pct >= 9.95 or pct == 0 else f"{pct:.1f} %"


def interval(estimate: Estimate | None) -> str:
    """`0.952 (0.921 to 0.977)`, or the value alone where no interval was made."""
    if estimate is None:
        return UNKNOWN
    if estimate.low is None or estimate.high is None:
        return number(estimate.value)
    return f"{number(estimate.value)} ({bounds(estimate)})"


def bounds(estimate: Estimate | None) -> str:
    if estimate is None or estimate.low is None or estimate.high is None:
        return ""
    return span(estimate.low, estimate.high)


def span(low: float | None, high: float | None) -> str:
    """`0.943 to 1.000`: both ends with the decimals of the one nearer to zero."""
    if low is None or high is None:
        return ""
    decimals = _decimals(min(abs(low), abs(high)) or max(abs(low), abs(high)), 3)
    if decimals is None or not (math.isfinite(low) and math.isfinite(high)):
        return f"{number(low)} to {number(high)}"
    ends = [f"{end:,.{decimals}f}" for end in (low, high)]
    # -0.000 is 0.000
    return " to ".join(end.lstrip("-") if not float(end.replace(",", "")) else end.replace("-", "−") for end in ends)


def duration(seconds: float | None) -> str:
    """Seconds as `340 ms`, `2.4 s`, `3 min 05 s` or `1 h 12 min`."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    if seconds < 0.0005:
        return "0 ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def microseconds(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value < 1000:
        return f"{number(value, 2)} µs"
    return f"{number(value / 1000, 2)} ms"


def size(n_bytes: float | None) -> str:
    if n_bytes is None or not math.isfinite(n_bytes):
        return UNKNOWN
    for unit in ("B", "kB", "MB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if unit == "B" or n_bytes >= 10 else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} GB"


def count(n: int, noun: str, plural: str = "") -> str:
    """`1 row`, `2,000 rows`."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def short(digest: str, length: int = 12) -> str:
    """The beginning of a digest, without the name of its algorithm."""
    return digest.rsplit(":", 1)[-1][:length]


def listed(words: Iterable[str], limit: int = 6) -> str:
    """`a, b and c`; beyond the limit `a, b and 7 more`."""
    found = list(words)
    if len(found) > limit:
        return f"{', '.join(found[: limit - 1])} and {len(found) - limit + 1} more"
    if len(found) < 2:
        return "".join(found)
    return f"{', '.join(found[:-1])} and {found[-1]}"


def plain(value: Any, limit: int = 300) -> str:
    """A JSON value as one short line: mappings as `key: value`, lists separated by commas."""
    if isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, float):
        text = f"{value:.4g}"
    elif value is None:
        text = UNKNOWN
    elif isinstance(value, dict):
        text = ", ".join(f"{key}: {plain(inner, limit)}" for key, inner in list(value.items())[:20])
    elif isinstance(value, list | tuple):
        text = ", ".join(plain(inner, limit) for inner in value[:20]) + (" …" if len(value) > 20 else "")
    else:
        text = " ".join(str(value).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def sentence(text: str) -> str:
    """The same text with a capital first letter and a full stop."""
    text = text.strip()
    if not text:
        return ""
    text = text[0].upper() + text[1:]
    return text if text[-1] in ".!?…" else text + "."


def moment(text: str) -> str:
    """An RFC 3339 moment as `2026-02-01 14:05 UTC`; anything else as it stands."""
    if len(text) >= 16 and text[10:11] == "T":
        return f"{text[:10]} {text[11:16]} UTC"
    return text
