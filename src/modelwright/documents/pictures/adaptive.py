"""Wide pictures are drawn twice, for a desk and for a phone, so that their text stays readable on both."""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

WIDE = 760.0
NARROW = 350.0


def adaptive(draw: Callable[[float], Markup]) -> Markup:
    """Both drawings; the style sheet shows the one that fits."""
    wide = Markup('<div class="at-desk">{}</div>').format(draw(WIDE))
    return wide + Markup('<div class="at-hand">{}</div>').format(draw(NARROW))
