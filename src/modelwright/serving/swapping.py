"""Which versions are to be live, read from the journal, and how a process that serves gets there.

`resolve` is a pure function from what was asked for and what the journal says to what is wanted. `Deployment` makes a
plane become that, one version at a time: load and recheck in another thread, flip one reference, keep the version that
was live before for an instant way back, and let older ones go. A version that fails any step is refused: the plane
stays as it is.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from modelwright.core.errors import ModelwrightError, NotFoundError, StateError, did_you_mean
from modelwright.core.nouns import Event, ModelVersion
from modelwright.registry import routes, versions
from modelwright.serving.routing import Arm, Route

if TYPE_CHECKING:
    from modelwright.serving.live import Served
    from modelwright.serving.plane import Plane

_LOWER_PRIORITY = 10


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A version and where its bundle lies. Version 0 stands in no registry."""

    version: int
    folder: str
    digest: str  # empty: whatever is there


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be live under one name."""

    name: str
    places: tuple[Place, ...]
    arms: tuple[tuple[int, float, str], ...]  # version, weight, label
    strategy: str = "champion"
    shadows: tuple[int, ...] = ()
    sticky: bool = True
    salt: str = ""
    aliases: dict[str, int] = {}

    @property
    def route(self) -> Route:
        arms = tuple(Arm(version=version, weight=weight, label=label) for version, weight, label in self.arms)
        return Route(arms=arms, strategy=self.strategy, shadows=self.shadows, sticky=self.sticky, salt=self.salt)  # type: ignore[arg-type]

    @property
    def live(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys((*(version for version, _, _ in self.arms), *self.shadows)))


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """A registered model that was asked for; `which` is empty for whatever its route and champion say."""

    name: str
    which: str = ""


def resolve(asked: Sequence[Followed], events: Iterable[Event], root: Path) -> list[Wanted]:
    """What is to be live now. Raises NotFoundError where a name, version or alias does not exist (any more)."""
    events = list(events)
    registered = versions.fold(events)
    set_routes = routes.fold(events)
    found: dict[str, Wanted] = {}
    for one in asked:
        own = [version for version in registered if version.name == one.name]
        if not own:
            known = {version.name for version in registered}
            raise NotFoundError(
                f"There is no model named '{one.name}'.",
                code="model.unknown",
                hint=did_you_mean(one.name, known) if known else "train one with `modelwright run pipeline.yaml`",
                subject=f"model:{one.name}",
            )
        route = set_routes.get(one.name) if not one.which else None
        wanted = _wanted(one, own, route, root)
        found[one.name] = _merged(found[one.name], wanted) if one.name in found else wanted
    return list(found.values())


def _wanted(one: Followed, own: list[ModelVersion], route: routes.RouteState | None, root: Path) -> Wanted:
    first = _pick(own, one.which) if one.which else _champion(own)
    route = route or routes.RouteState()
    arms = tuple((_pick(own, arm.which).version, arm.weight, arm.label) for arm in route.arms)
    arms = arms or ((first.version, 1.0, "champion"),)
    shadows = tuple(_pick(own, which).version for which in route.shadows)
    needed = dict.fromkeys((*(version for version, _, _ in arms), *shadows))
    places = tuple(
        Place(version=version.version, folder=str(root / version.bundle_path), digest=version.bundle_digest)
        for version in own
        if version.version in needed
    )
    aliases = {alias: version.version for version in own for alias in version.aliases if version.version in needed}
    return Wanted(
        name=one.name,
        places=places,
        arms=arms,
        strategy=route.strategy,
        shadows=shadows,
        sticky=route.sticky,
        salt=route.salt,
        aliases=aliases,
    )


def _merged(one: Wanted, other: Wanted) -> Wanted:
    """The same name asked for twice: both are here, and the first one answers who names none."""
    places = {place.version: place for place in (*one.places, *other.places)}
    return msgspec.structs.replace(one, places=tuple(places.values()), aliases={**other.aliases, **one.aliases})


def _champion(own: list[ModelVersion]) -> ModelVersion:
    return next((version for version in own if "champion" in version.aliases), own[-1])


def _pick(own: list[ModelVersion], which: str) -> ModelVersion:
    for version in own:
        if which == str(version.version) or which in version.aliases:
            return version
    raise NotFoundError(
        f"The model '{own[0].name}' has no version or alias '{which[:60]}'.",
        code="version.unknown",
        hint=did_you_mean(which, [*(str(v.version) for v in own), *(alias for v in own for alias in v.aliases)]),
        subject=f"model:{own[0].name}",
    )


# ---------------------------------------------------------------- in a process that serves


class Deployment:
    """Makes the plane of this process become what is wanted. `load` runs in another thread and returns a Served that
    has answered its golden rows; everything else runs in the plane's own thread, to which `soon` hands it over."""

    def __init__(
        self,
        plane: Plane,
        load: Callable[[str, Place], Served],
        soon: Callable[[Callable[[], None]], object],
        *,
        went_live: Callable[[str, int], None] = lambda _name, _version: None,
        refused: Callable[[str, Place, ModelwrightError], None] = lambda _name, _place, _error: None,
        warm: Callable[[Served], None] = lambda _served: None,
    ) -> None:
        self.plane, self._load, self._soon, self._warm = plane, load, soon, warm
        self._went_live, self._refused = went_live, refused
        self._queue: deque[Wanted] = deque()
        self._working = False
        self._former: dict[str, tuple[int, ...]] = {}
        self.wanted: dict[str, Wanted] = {}

    @property
    def idle(self) -> bool:
        return not self._working and not self._queue

    def former(self, name: str) -> Served | None:
        """The version that answered before the one that answers now, while it is still loaded."""
        numbers = self._former.get(name, ())
        served = {one.version: one for one in self.plane.models().get(name, ())}
        return next((served[number] for number in numbers if number in served), None)

    def become(self, wanted: Iterable[Wanted]) -> None:
        """Start towards this; what was still waiting for the same name is forgotten."""
        for one in wanted:
            self._queue = deque(other for other in self._queue if other.name != one.name)
            self._queue.append(one)
        self._next()

    def adopt(self, wanted: Wanted, loaded: Mapping[int, Served]) -> None:
        """Go live with what is loaded already."""
        for place in wanted.places:
            self.plane.put(loaded[place.version])
        self._flip(wanted)

    def _next(self) -> None:
        if self._working or not self._queue:
            return
        wanted = self._queue.popleft()
        here = {(one.version, one.digest) for one in self.plane.models().get(wanted.name, ())}
        missing = [place for place in wanted.places if (place.version, place.digest) not in here]
        if not missing:
            self._flip(wanted)
            self._soon(self._next)
            return
        self._working = True
        threading.Thread(target=self._fetch, args=(wanted, missing), name="swap", daemon=True).start()

    def _fetch(self, wanted: Wanted, missing: Sequence[Place]) -> None:
        """In the other thread: everything that takes time."""
        _step_back()
        loaded: list[Served] = []
        for place in missing:
            try:
                served = self._load(wanted.name, place)
                self._warm(served)
                loaded.append(served)
            except Exception as error:  # noqa: BLE001 - whatever a bundle provokes, the one that is live goes on
                problem = _as_error(wanted.name, place, error)
                self._soon(lambda place=place, problem=problem: self._give_up(wanted, place, problem))  # type: ignore[misc]
                return
        self._soon(lambda: self._arrived(wanted, loaded))

    def _arrived(self, wanted: Wanted, loaded: Sequence[Served]) -> None:
        for served in loaded:
            self.plane.put(served)
        self._flip(wanted)
        self._working = False
        self._next()

    def _give_up(self, wanted: Wanted, place: Place, error: ModelwrightError) -> None:
        self._working = False
        self._refused(wanted.name, place, error)
        self._next()

    def _flip(self, wanted: Wanted) -> None:
        """The moment itself: one reference."""
        plane, name = self.plane, wanted.name
        before = self.wanted.get(name)
        plane.set_route(name, wanted.route)
        self._move_aliases(wanted)
        self.wanted[name] = wanted
        if before is not None and before.live != wanted.live:
            self._former[name] = before.live
        self._unload(wanted)
        for version in wanted.live:
            if before is None or version not in before.live:
                self._went_live(name, version)

    def _move_aliases(self, wanted: Wanted) -> None:
        loaded = {one.version: one for one in self.plane.models()[wanted.name]}
        for alias, version in wanted.aliases.items():
            if version in loaded:
                self.plane.put(loaded[version], aliases=(alias,))

    def _unload(self, wanted: Wanted) -> None:
        """Everything that is neither wanted nor the way back. Nothing is being answered while this runs."""
        kept = {place.version for place in wanted.places} | set(self._former.get(wanted.name, ()))
        for served in self.plane.models().get(wanted.name, ()):
            if served.version not in kept:
                self.plane.remove(wanted.name, served.version)


def _step_back() -> None:
    """Let the thread that answers go first; where a thread has no priority of its own, nothing is lost."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWER_PRIORITY)
    except (OSError, AttributeError):
        time.sleep(0)


def _as_error(name: str, place: Place, error: Exception) -> ModelwrightError:
    if isinstance(error, ModelwrightError):
        return error
    return StateError(
        f"Version {place.version} of '{name}' could not be loaded: {type(error).__name__}.",
        code="serving.refused",
        hint="load it with `modelwright predict` to see more",
        subject=f"{name}:{place.version}",
    )
