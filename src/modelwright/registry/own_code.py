"""The user's own functions that a model may call: named in it, never held by it, and run only when allowed by name."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from modelwright.core.errors import ModelError
from modelwright.core.plugins import load
from modelwright.core.ports import Family


def check(names: Iterable[str], allowed: Collection[str] | None) -> None:
    """Raise ModelError (`bundle.hook`) when one of the names is a hook that is not allowed; None allows all."""
    if allowed is None:
        return
    found = sorted({name[:100] for name in names if ":" in name and name not in allowed})
    if found:
        raise ModelError(
            f"The bundle calls code of your own, which nothing has allowed: {', '.join(found)}.",
            code="bundle.hook",
            hint="read it, then allow it by name: " + " ".join(f"--allow-hook {name}" for name in found),
            subject=f"hook:{found[0]}",
        )


def family(name: str) -> Family:
    """A family by plugin name, or the one a hook makes. Raises ModelError; check the name first."""
    if ":" not in name:
        found: Family = load("families", name)
        return found
    from modelwright.spec import hooks

    made = hooks.call(name, hooks.home())
    if not isinstance(made, Family):
        raise ModelError(f"'{name}' returned {type(made).__name__}, which is not a family.", code="family.hook")
    return made
