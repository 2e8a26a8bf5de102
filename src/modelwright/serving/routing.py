"""Which version answers: champion, canary, A/B and bandit by weight, sticky by key, and who answers in the shadow."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from modelwright.core.errors import StateError

Strategy = Literal["champion", "canary", "ab", "bandit"]
#: parts of the unit interval that keys fall into
_PARTS = 2.0**-64


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    version: int
    weight: float = 1.0  # share of the requests, relative to the other arms
    label: str = "champion"  # what the log calls it: champion, canary, bandit


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How requests for a model that name no version are shared. Replaced as a whole, never changed."""

    arms: tuple[Arm, ...]
    strategy: Strategy = "champion"
    shadows: tuple[int, ...] = ()  # versions that answer too, after the reply, for the log only
    sticky: bool = True  # requests with the same key stay with the same arm
    salt: str = ""  # another salt deals the keys anew

    def __post_init__(self) -> None:
        total = sum(arm.weight for arm in self.arms)
        if not self.arms or not 0 < total < float("inf") or any(not arm.weight >= 0 for arm in self.arms):
            raise StateError("A route needs arms with weights of 0 or more, one of them above 0.", code="route.weights")
        if len({arm.version for arm in self.arms}) != len(self.arms):
            raise StateError("A route names a version twice.", code="route.weights")


@dataclass(frozen=True, slots=True)
class Chosen:
    version: int
    label: str
    propensity: float  # probability with which this arm was chosen


class Table:
    """A route made ready: one comparison per arm and request."""

    __slots__ = ("_bounds", "_first", "_salt", "_sticky", "route")

    def __init__(self, route: Route) -> None:
        self.route = route
        total, end, bounds = sum(arm.weight for arm in route.arms), 0.0, []
        for arm in route.arms:
            if arm.weight:
                share = arm.weight / total
                end += share
                bounds.append((end, Chosen(arm.version, arm.label, share)))
        self._first = bounds[0][1] if len(bounds) == 1 else None
        self._bounds = [*bounds[:-1], (2.0, bounds[-1][1])]  # rounding must leave no gap at the end
        self._salt, self._sticky = route.salt.encode(), route.sticky

    def choose(self, key: str) -> Chosen:
        if self._first is not None:
            return self._first
        at = unit(self._salt, key) if key and self._sticky else random.random()  # noqa: S311 - a share, no secret
        for end, chosen in self._bounds:
            if at < end:
                return chosen
        raise AssertionError("unreachable: the last bound is above 1")


def unit(salt: bytes, key: str) -> float:
    """A number in [0, 1) that is the same for the same key on every machine and in every process."""
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8, key=salt[:64]).digest()
    return int.from_bytes(digest, "little") * _PARTS


def weights_by_thompson(
    outcomes: Mapping[int, tuple[float, float]], *, draws: int = 2_000, seed: int = 0
) -> dict[int, float]:
    """Share of Beta draws in which each version is the best: the probabilities of Thompson sampling, ready as weights.

    outcomes: version -> (successes, failures) so far; each starts from Beta(1, 1). Every arm keeps 1 % of the
    requests, so that its propensity never is 0 and what it would have done can still be estimated.
    Source: Thompson (1933); Chapelle and Li (2011), "An Empirical Evaluation of Thompson Sampling".
    """
    rng = random.Random(seed)  # noqa: S311 - a simulation
    wins = dict.fromkeys(outcomes, 0)
    for _ in range(draws):
        drawn = {version: rng.betavariate(1 + good, 1 + bad) for version, (good, bad) in outcomes.items()}
        wins[max(drawn, key=lambda version: drawn[version])] += 1
    floor = min(0.01, 1 / max(len(wins), 1))
    left = 1 - floor * len(wins)
    return {version: floor + left * won / draws for version, won in wins.items()}


def weights_by_ucb(outcomes: Mapping[int, tuple[float, float]]) -> dict[int, float]:
    """Everything to the arm with the highest upper bound, but 1 % to each other one, which keeps propensities known.

    outcomes: as for `weights_by_thompson`; an arm without any goes first. Source: Auer, Cesa-Bianchi and Fischer
    (2002), "Finite-time Analysis of the Multiarmed Bandit Problem", UCB1.
    """
    total = sum(good + bad for good, bad in outcomes.values())

    def bound(version: int) -> float:
        good, bad = outcomes[version]
        n = good + bad
        return math.inf if n <= 0 else good / n + math.sqrt(2 * math.log(max(total, 2.0)) / n)

    floor = min(0.01, 1 / max(len(outcomes), 1))
    best = max(outcomes, key=bound)
    return {version: 1 - floor * (len(outcomes) - 1) if version == best else floor for version in outcomes}


def weights_by_epsilon(outcomes: Mapping[int, tuple[float, float]], epsilon: float = 0.1) -> dict[int, float]:
    """Epsilon shared by all, the rest to the best mean so far (of a Beta(1, 1) start)."""
    best = max(outcomes, key=lambda version: (1 + outcomes[version][0]) / (2 + sum(outcomes[version])))
    each = epsilon / len(outcomes)
    return {version: each + (1 - epsilon if version == best else 0.0) for version in outcomes}
