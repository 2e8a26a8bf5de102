"""Every path this door answers, each with its policy. What is not in the table does not exist."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from modelwright.interfaces.http.service import SCOPES

#: what may stand where a pattern says {name}: no dot first, nothing that a path or a log could misread
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Who may call a route, how, and with how much. There is no default for any of it."""

    scope: str  # predict | read | admin | open
    methods: tuple[str, ...]
    max_body: int | None  # bytes; 0: a body is refused; None: as the limits say
    media_types: tuple[str, ...] = ("application/json",)
    browser: bool = False  # a key may come as the password of basic authentication (pages, read only)


@dataclass(frozen=True, slots=True)
class Route:
    """One path: literal segments, and {name} where a name may stand."""

    pattern: str
    policy: Policy
    handler: Callable[..., Any]
    summary: str

    def __post_init__(self) -> None:
        policy = self.policy
        if not isinstance(policy, Policy):
            raise TypeError(f"the route {self.pattern} declares no policy")
        if policy.scope not in SCOPES:
            raise TypeError(f"the route {self.pattern} asks for the unknown scope {policy.scope!r}")
        if not policy.methods or not set(policy.methods) <= {"GET", "POST"}:
            raise TypeError(f"the route {self.pattern} declares no methods, or others than GET and POST")
        if policy.max_body == 0 and "POST" in policy.methods:
            raise TypeError(f"the route {self.pattern} takes POST, but no body")

    @property
    def allowed(self) -> str:
        """What `Allow` says."""
        methods = set(self.policy.methods) | ({"HEAD"} if "GET" in self.policy.methods else set())
        return ", ".join(sorted(methods))


class Table:
    """Finds the route of a path. Raises TypeError for two routes of one path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._exact: dict[str, Route] = {}
        self._by_length: dict[int, list[tuple[tuple[str, ...], Route]]] = {}
        for route in self.routes:
            parts = tuple(route.pattern.split("/"))
            shape = tuple("{}" if part.startswith("{") else part for part in parts)
            shapes = [s for s, _ in self._by_length.get(len(parts), [])]
            if shape in shapes or route.pattern in self._exact:
                raise TypeError(f"two routes for {route.pattern}")
            if "{}" in shape:
                self._by_length.setdefault(len(parts), []).append((shape, route))
            else:
                self._exact[route.pattern] = route

    def find(self, path: str) -> tuple[Route, tuple[str, ...]] | None:
        """The route and what stands for its names; None where there is none."""
        exact = self._exact.get(path)
        if exact is not None:
            return exact, ()
        parts = path.split("/")
        for shape, route in self._by_length.get(len(parts), ()):
            names = _match(shape, parts)
            if names is not None:
                return route, names
        return None


def _match(shape: tuple[str, ...], parts: list[str]) -> tuple[str, ...] | None:
    names = []
    for wanted, part in zip(shape, parts, strict=True):
        if wanted == "{}":
            if NAME.fullmatch(part) is None:
                return None
            names.append(part)
        elif wanted != part:
            return None
    return tuple(names)
