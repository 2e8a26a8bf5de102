"""False alarms and delay of the decay detectors: the source of the threshold in `stats/sequential_scan.py`.

python benchmarks/monitoring/decay.py false_alarms [STREAMS]   # stable streams, many rates and references
python benchmarks/monitoring/decay.py dependent [STREAMS]      # stable streams whose errors depend on each other
python benchmarks/monitoring/decay.py delay [STREAMS]          # error 10 % to 15 %
python benchmarks/monitoring/decay.py audit [STREAMS]          # concept drift of 8 points, 150 audited labels a window
python benchmarks/monitoring/decay.py estimates                # label-free accuracy under covariate shift
python benchmarks/monitoring/decay.py longer [STREAMS]         # one million stable rows
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from modelwright.monitoring.decay import judge
from modelwright.stats import sequential_scan
from modelwright.stats.intervals import wilson

Array = NDArray[np.float64]

STABLE = 10_000
#: of each stream of `dependent` and `false_alarms`: an alarm between two of them is found at the next
_LOOKS = 1_000


def _share(hits: int, n: int) -> str:
    low, high = wilson(hits, n)
    return f"{hits}/{n} = {100 * hits / n:.2f} % ({100 * low:.2f} to {100 * high:.2f})"


def false_alarms(streams: int) -> None:
    total = alarms = 0
    for rate in (0.005, 0.02, 0.1, 0.25, 0.5):
        for reference in (500, 2_000, 10_000):
            rng = np.random.default_rng([int(rate * 1e4), reference])
            found = 0
            for _ in range(streams):
                values = (rng.random(reference + STABLE) < rate).astype(float)
                found += judge(values, reference, binary=True).alarm_at is not None
            total, alarms = total + streams, alarms + found
            print(f"rate {rate:5.3f}  reference {reference:6d}  alarms {_share(found, streams)}", flush=True)
    print("all", _share(alarms, total))


def _blocks(rng: np.random.Generator, n: int, length: int, strength: float) -> Array:
    begin = int(rng.integers(length))
    p = np.repeat(rng.beta(0.1 * strength, 0.9 * strength, n // length + 2), length)[begin : begin + n]
    return (rng.random(n) < p).astype(float)


def _same(rng: np.random.Generator, n: int, length: int) -> Array:
    return np.repeat(rng.random(n // length + 1) < 0.1, length)[:n].astype(float)


def _season(rng: np.random.Generator, n: int, length: int = 240) -> Array:
    at = np.arange(n) / length + rng.random()
    return (rng.random(n) < 0.1 + 0.05 * np.sin(at * 2 * np.pi)).astype(float)


def _latent(rng: np.random.Generator, n: int, phi: float) -> Array:
    from scipy.signal import lfilter

    hidden = lfilter([1.0], [1.0, -phi], rng.normal(size=n + 2_000) * np.sqrt(1 - phi**2))[2_000:]
    return (rng.random(n) < 1 / (1 + np.exp(2.3 - 0.8 * hidden))).astype(float)


DEPENDENT: dict[str, Callable[[np.random.Generator, int], Array]] = {
    "blocks of 20 rows, rate beta(2, 18)": lambda rng, n: _blocks(rng, n, 20, 20),
    "blocks of 100 rows, rate beta(4, 36)": lambda rng, n: _blocks(rng, n, 100, 40),
    "days of 200 rows, rate beta(4, 36)": lambda rng, n: _blocks(rng, n, 200, 40),
    "latent AR(1) of 0.99": lambda rng, n: _latent(rng, n, 0.99),
    "slow wave of 1,000 rows, 5 to 15 %": lambda rng, n: _season(rng, n, 1_000),
    "every answer 5 times": lambda rng, n: _same(rng, n, 5),
    "every answer 20 times": lambda rng, n: _same(rng, n, 20),
    "season of 240 rows, 5 to 15 %": _season,
}


def dependent(streams: int) -> None:
    for name, draw in DEPENDENT.items():
        for reference in (500, 2_000):
            rng = np.random.default_rng([len(name), reference])
            found = sum(
                judge(draw(rng, reference + STABLE), reference, binary=True).alarm_at is not None
                for _ in range(streams)
            )
            print(f"{name:38s} reference {reference:5d}  alarms {_share(found, streams)}", flush=True)


def delay(streams: int) -> None:
    for reference, stable in ((2_000, 10_000), (2_000, 3_000), (10_000, 0), (1_000, 1_000)):
        rng = np.random.default_rng([reference, stable])
        delays, early = [], 0
        start = reference + stable
        for _ in range(streams):
            rates = np.where(np.arange(start + 4_000) < start, 0.1, 0.15)
            at = judge((rng.random(rates.size) < rates).astype(float), reference, binary=True).alarm_at
            early += at is not None and at < start
            if at is None or at >= start:
                delays.append(np.inf if at is None else at - start + 1)
        low, middle, high = np.quantile(delays, [0.1, 0.5, 0.9], method="higher")
        print(f"reference {reference:6d} + {stable:6d} stable: median {middle:.0f} labels ({low:.0f} to {high:.0f}), "
              f"missed {np.mean(np.isinf(delays)):.1%}, early {_share(early, streams)}", flush=True)  # fmt: skip


def longer(streams: int) -> None:
    rng = np.random.default_rng(3)
    found, started = 0, time.process_time()
    for _ in range(streams):
        found += judge((rng.random(1_000_000) < 0.1).astype(float), 2_000, binary=True).alarm_at is not None
    print(
        f"a million stable rows: alarms {_share(found, streams)}, {(time.process_time() - started) / streams:.1f} CPU-s"
    )


def audit(streams: int) -> None:
    from modelwright.monitoring.audit import judge_audit

    for drop in (0.0, 0.08):
        rng, caught = np.random.default_rng(7), 0
        for _ in range(streams):
            base = (rng.random(2_000) < 0.12).astype(float)
            windows = [(rng.random(150) < 0.12 + drop).astype(float) for _ in range(4)]
            caught += judge_audit(base, windows).alarm
        print(f"accuracy falls by {drop:.2f}: caught within 4 windows of 150 labels {_share(caught, streams)}")


def main(arguments: list[str]) -> None:
    what = arguments[0]
    if what == "estimates":
        from decay_estimates import run

        run()
        return
    streams = int(arguments[1]) if len(arguments) > 1 else 40
    if what in ("dependent", "false_alarms"):
        sequential_scan._MOST_LOOKS = _LOOKS
    {"false_alarms": false_alarms, "dependent": dependent, "delay": delay, "audit": audit, "longer": longer}[what](
        streams
    )


if __name__ == "__main__":
    main(sys.argv[1:])
