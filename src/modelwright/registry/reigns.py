"""Which versions of a model served, one after the other: a fold over the journal.

Everything that asks for the way back asks here: a rollback, a drill, and what keeps a version from being deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from modelwright.core.errors import NotFoundError, did_you_mean
from modelwright.core.nouns import Event
from modelwright.registry import rollout_state, routes, versions

CHAMPION = "champion"


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """How one model came to serve what it serves. `stack` ends with the live version; going back takes it off."""

    name: str
    stack: tuple[int, ...]
    ever: frozenset[int]  # every version that was live for all
    gone: frozenset[int] = frozenset()  # deleted since
    titled: bool  # whether an alias says so; without one the newest version serves
    routed: bool  # whether a route shares the requests now

    @property
    def live(self) -> int:
        return self.stack[-1]

    @property
    def before(self) -> int | None:
        """Where a rollback goes, and what is therefore kept: the latest that served before and is still there."""
        return next((one for one in reversed(self.stack[:-1]) if one not in self.gone and one != self.live), None)


def past(events: Iterable[Event], name: str) -> Past:
    """Raises NotFoundError (`model.unknown`)."""
    events = list(events)
    stack: list[int] = []
    gone: set[int] = set()
    titled = False
    for event in events:
        if event.subject != f"model:{name}":
            continue
        if event.kind in (versions.DELETED, versions.RESTORED):
            (gone.add if event.kind == versions.DELETED else gone.discard)(event.payload["version"])
        elif event.kind == versions.REGISTERED and not titled:
            stack.append(event.payload["version"])
        elif (champion := made_champion(event)) is not None:
            if not titled:  # the newest served until somebody chose; what is newer than the choice is no way back
                stack, titled = [one for one in stack if one < champion], True
            _moved(stack, champion, back="rolled_back_from" in event.payload)
    if not stack:
        known = {event.subject.removeprefix("model:") for event in events if event.kind == versions.REGISTERED}
        raise NotFoundError(
            f"There is no model named '{name}'.",
            code="model.unknown",
            hint=did_you_mean(name, known) if known else "train one first",
            subject=f"model:{name}",
        )
    return Past(
        name=name, stack=tuple(stack), ever=frozenset(_ever(events, name)), gone=frozenset(gone), titled=titled,
        routed=name in routes.fold(events),
    )  # fmt: skip


def _moved(stack: list[int], version: int, *, back: bool) -> None:
    if back and version in stack:
        while stack[-1] != version:
            stack.pop()
    elif not stack or stack[-1] != version:
        stack.append(version)


def _ever(events: Sequence[Event], name: str) -> Iterable[int]:
    titled = False
    for event in events:
        if event.subject == f"model:{name}":
            if event.kind == versions.REGISTERED and not titled:
                yield event.payload["version"]
            elif (champion := made_champion(event)) is not None:
                titled = True
                yield champion


def made_champion(event: Event) -> int | None:
    """The version that an event has made champion: by hand, or as a rollout ended."""
    if event.kind == versions.ALIASED and event.payload["alias"] == CHAMPION:
        return int(event.payload["version"])
    return event.payload.get("champion") if event.kind == rollout_state.FINISHED else None
