"""How often the stop rules stop a version that is as good as the champion, and how soon they stop one that is not.

    python -m benchmarks.rollouts [--trials 400] [--rows 4000] [--json]
    python -m benchmarks.rollouts --statistics 5000   # the tests behind the rules by themselves, each at 1 %

Both versions draw from the same distributions (A/A); every rule has a limit exactly where the truth lies, which is the
hardest case that still is no reason to stop; each rollout is looked at after every 100 requests until all are in.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np

from modelwright.registry.rollout_plan import plan
from modelwright.registry.rollout_rules import ArmRows, Evidence, decide
from modelwright.registry.rollout_state import Rollout
from modelwright.stats import sequential
from modelwright.stats.intervals import wilson

RULES = ("error_rate>0.02", "error_rate>champion+0", "latency_p99>50ms", "latency_p95>champion+0ms",
         "prediction_shift>0.02", "wrong_rate>champion+0", "absolute_error>champion+0")  # fmt: skip
_LOOK = 100
_AT = "2026-01-01T00:00:00.000Z"


def arm(rng: np.random.Generator, n: int, *, errors: float = 0.02, slower: float = 1.0, shift: float = 0.0,
        wrong: float = 0.15) -> ArmRows:  # fmt: skip
    """n requests in order. At the defaults 1 % take longer than 50 ms."""
    latency = slower * 50.0 * np.exp(0.5 * (rng.normal(size=n) - 2.3263478740408408))
    return ArmRows(
        failed=(rng.random(n) < errors).astype(np.float64),
        latency_ms=latency,
        score=1 / (1 + np.exp(-rng.normal(shift, 1.0, n))),
        outcomes={"wrong": (rng.random(n) < wrong).astype(np.float64), "absolute_error": np.abs(rng.normal(size=n))},
    )


def first(rows: ArmRows, n: int) -> ArmRows:
    """As the log shows it after n requests."""
    return ArmRows(
        failed=rows.failed[:n], latency_ms=rows.latency_ms[:n], score=rows.score[:n],
        outcomes={name: values[:n] for name, values in rows.outcomes.items()},
    )  # fmt: skip


def stopped_at(rng: np.random.Generator, rules: tuple[str, ...], rows: int, **worse: float) -> int | None:
    """Requests of the challenger until it was stopped, None where it never was; half of the traffic is its own."""
    made = plan("canary", (2,), steps="50", stops=rules, hold_s=1e9, min_rows=100)
    rollout = Rollout(id="m-1", name="m", plan=made, started_at=_AT, step_at=_AT, due_at=_AT, by="benchmark")
    mine, theirs = arm(rng, rows, **worse), arm(rng, rows)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for n in range(_LOOK, rows + 1, _LOOK):
        seen = {0: first(theirs, n), 2: first(mine, n)}
        if decide(rollout, Evidence(whole=seen, step=seen), now).do == "abort":
            return n
    return None


def measure(trials: int, rows: int, seed: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = {"trials": trials, "rows": rows, "looks": rows // _LOOK, "rules": list(RULES)}
    rng = np.random.default_rng(seed)
    false = sum(stopped_at(rng, RULES, rows) is not None for _ in range(trials))
    low, high = wilson(false, trials)
    found["same"] = {"stopped": false, "share": false / trials, "low": low, "high": high}
    cases: dict[str, dict[str, float]] = {
        "errors 2 % to 4 %": {"errors": 0.04},
        "errors 2 % to 10 %": {"errors": 0.10},
        "latency times 1.5": {"slower": 1.5},
        "scores shifted by 0.5 sd": {"shift": 0.5},
        "wrong 15 % to 25 %": {"wrong": 0.25},
    }
    for name, worse in cases.items():
        at = [stopped_at(rng, RULES, rows, **worse) for _ in range(max(20, trials // 10))]
        stopped = [one for one in at if one is not None]
        found[name] = {
            "stopped": len(stopped) / len(at),
            "median_requests": float(np.median(stopped)) if stopped else None,
        }
    return found


#: what each test sees of both arms at a look, equal in law
STATISTICS: dict[str, Callable[[np.random.Generator, int], tuple[Any, Any]]] = {
    "rate against a bound, 2 %": lambda rng, n: (None, (rng.random(n) < 0.02).astype(np.float64)),
    "two rates, 2 %": lambda rng, n: (rng.binomial(n, 0.02), rng.binomial(n, 0.02)),
    "two rates, 15 %": lambda rng, n: (rng.binomial(n, 0.15), rng.binomial(n, 0.15)),
    "two means, normal": lambda rng, n: tuple(rng.normal(size=(2, n))),
    "two means, Student's t of 3": lambda rng, n: tuple(rng.standard_t(3, size=(2, n))),
    "two distributions, 5 bins": lambda rng, n: tuple(rng.multinomial(n, [0.2] * 5, size=2).tolist()),
}


def wrong_at(name: str, rng: np.random.Generator, rows: int, alpha: float = 0.01) -> bool:
    """Whether a test that is looked at after every 100 rows of each arm is ever at or below alpha."""
    draw = STATISTICS[name]
    state: Any = {"rate": sequential.bets(0.02), "two means": sequential.Means(),
                  "two distributions": sequential.Categories(), "two rates": sequential.Proportions()}  # fmt: skip
    kind = next(each for each in state if name.startswith(each))
    now = state[kind]
    for _ in range(rows // _LOOK):
        a, b = draw(rng, _LOOK)
        if kind == "rate":
            now = sequential.bet(now, b)
        elif kind == "two means":
            now = sequential.add_means(now, a=a, b=b)
        elif kind == "two distributions":
            now = sequential.add_categories(now, a=a, b=b)
        else:
            now = sequential.add_proportions(now, a=(int(a), _LOOK), b=(int(b), _LOOK))
    largest = now.largest_higher if hasattr(now, "largest_higher") else now.largest
    return bool(largest >= -np.log(alpha))


def statistics(trials: int, rows: int) -> None:
    for at, name in enumerate(STATISTICS):
        rng = np.random.default_rng([5, at])
        wrong = sum(wrong_at(name, rng, rows) for _ in range(trials))
        low, high = wilson(wrong, trials)
        print(f"{name:<28} {wrong} of {trials} = {wrong / trials:.2%} ({low:.2%} to {high:.2%})", flush=True)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--rows", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--statistics", type=int, metavar="TRIALS")
    asked = parser.parse_args(arguments)
    if asked.statistics:
        statistics(asked.statistics, asked.rows)
        return 0
    found = measure(asked.trials, asked.rows, asked.seed)
    if asked.json:
        print(json.dumps(found))
        return 0
    same = found["same"]
    print(f"{len(RULES)} rules, {found['looks']} looks, {asked.trials} rollouts of equals: {same['stopped']} stopped "
          f"({same['share']:.2%}, 95 % interval {same['low']:.2%} to {same['high']:.2%})")  # fmt: skip
    for name, case in found.items():
        if isinstance(case, dict) and "median_requests" in case:
            print(f"{name:<28} stopped {case['stopped']:.0%}, median after {case['median_requests']} requests")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
