"""What is served: versions by name with their aliases and their route; and ids of requests that bring none."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from itertools import count
from weakref import WeakSet

from modelwright.records.ports import PredictionLog
from modelwright.serving.asking import Refused
from modelwright.serving.live import Served
from modelwright.serving.routing import Arm, Route, Table


class Named:
    """The versions of one name; replaced as a whole when they change."""

    __slots__ = ("aliases", "table", "versions")

    def __init__(self) -> None:
        self.versions: dict[int, Served] = {}
        self.aliases: dict[str, int] = {}
        self.table: Table = None  # type: ignore[assignment]

    def with_(self, served: Served, aliases: Iterable[str]) -> Named:
        new = Named()
        new.versions = {**self.versions, served.version: served}
        new.aliases = {**self.aliases, **dict.fromkeys(aliases, served.version)}
        new.table = self.table or Table(Route(arms=(Arm(version=served.version),)))
        return new

    def without(self, version: int) -> Named:
        new = Named()
        new.versions = {number: served for number, served in self.versions.items() if number != version}
        new.aliases = {alias: number for alias, number in self.aliases.items() if number != version}
        new.table = self.table
        if new.versions:
            new.table = _without_arm(self.table, version, new.versions)
        return new


def _without_arm(table: Table, version: int, left: dict[int, Served]) -> Table:
    """The same route without a version; where no arm is left, the newest one is the champion."""
    route = table.route
    arms = tuple(arm for arm in route.arms if arm.version != version)
    if not sum(arm.weight for arm in arms):
        return Table(Route(arms=(Arm(version=max(left)),)))
    shadows = tuple(number for number in route.shadows if number != version)
    return Table(Route(arms=arms, strategy=route.strategy, shadows=shadows, sticky=route.sticky, salt=route.salt))


class Ids:
    """Request ids: a random start per process, then a count. Forked processes start anew."""

    def __init__(self) -> None:
        self._begin()
        _all_ids.add(self)

    def _begin(self) -> None:
        self._start, self._next = secrets.token_hex(8), count(1).__next__

    def next(self) -> str:
        return f"{self._start}-{self._next():x}"


_all_ids: WeakSet[Ids] = WeakSet()


def _begin_all() -> None:
    for ids in _all_ids:
        ids._begin()


os.register_at_fork(after_in_child=_begin_all)


class Roster:
    """Models by name. For one thread."""

    def __init__(self, log: PredictionLog | None = None) -> None:
        self._log = log
        self._models: dict[str, Named] = {}

    @property
    def log(self) -> PredictionLog | None:
        return self._log

    @log.setter
    def log(self, log: PredictionLog | None) -> None:
        self._log = log
        for served in self._all():
            self._describe(served)

    def put(self, served: Served, aliases: Iterable[str] = ()) -> None:
        """Serve a version from now on; one of the same number is replaced. `aliases` move to it."""
        self._describe(served)
        named = self._models.get(served.name) or Named()
        self._models[served.name] = named.with_(served, aliases)

    def remove(self, name: str, version: int) -> Served | None:
        """Serve it no longer; requests that are being answered keep it until they are done."""
        named = self._models.get(name)
        if named is None or version not in named.versions:
            return None
        gone = named.versions[version]
        left = named.without(version)
        if left.versions:
            self._models[name] = left
        else:
            del self._models[name]
        return gone

    def models(self) -> dict[str, tuple[Served, ...]]:
        return {name: tuple(named.versions.values()) for name, named in self._models.items()}

    def aliases(self, name: str) -> dict[str, int]:
        return dict(self._models[name].aliases) if name in self._models else {}

    def find(self, name: str, which: str = "") -> Served:
        """The version that a number or an alias means; without one, the route's first arm."""
        named = self._named(name)
        return named.versions[named.table.route.arms[0].version] if not which else self._pinned(named, name, which)

    def set_route(self, name: str, route: Route) -> None:
        """One reference is swapped. Raises Refused (`version.not_served`) for a version that is not here."""
        named = self._named(name)
        for version in (*(arm.version for arm in route.arms), *route.shadows):
            if version not in named.versions:
                raise _not_served(name, str(version))
        named.table = Table(route)

    def route(self, name: str) -> Route:
        return self._named(name).table.route

    def batching_pays(self, name: str) -> bool:
        """Whether requests for this model that wait anyway should be answered by `answer_many`."""
        named = self._models.get(name)
        return named is not None and named.versions[named.table.route.arms[0].version].batching

    def _named(self, name: str) -> Named:
        named = self._models.get(name)
        if named is None:
            raise Refused(
                f"The model '{name[:100]}' is not served here.",
                code="model.not_served",
                hint=f"served here: {', '.join(sorted(self._models)[:10]) or 'nothing yet'}",
                subject=name[:100],
            )
        return named

    def _pinned(self, named: Named, name: str, which: str) -> Served:
        version = named.aliases.get(which)
        if version is None and which.isascii() and which.isdecimal() and len(which) < 10:
            version = int(which)
        served = named.versions.get(version) if version is not None else None
        if served is None:
            raise _not_served(name, which)
        return served

    def _describe(self, served: Served) -> None:
        if self._log is not None:
            served.schema_number = self._log.describe(served.schema)

    def _all(self) -> list[Served]:
        return [served for named in self._models.values() for served in named.versions.values()]


def _not_served(name: str, which: str) -> Refused:
    return Refused(
        f"The model '{name[:100]}' has no version or alias '{which[:60]}' here.",
        code="version.not_served",
        hint="leave the version out, or ask for the model's description to see what is served",
        subject=f"{name[:100]}:{which[:60]}",
    )
