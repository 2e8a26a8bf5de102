"""What this process may use of the machine: cores by affinity and cgroup quota, memory by limit."""

from __future__ import annotations

import os
from pathlib import Path

#: what a worker holds besides its part of the table: libraries, a booster at work
WORKER_BYTES = 1 << 30
#: copies of its table that a process of a run holds at most
_COPIES = 3
#: float64 matrices that a family's library makes of the one it is given, the given one included
_FIT_COPIES = {
    "dummy": 1.0,
    "lightgbm": 1.1,
    "hist_gb": 1.1,
    "xgboost": 1.5,
    "catboost": 1.5,
    "random_forest": 1.5,
    "extra_trees": 1.5,
    "ebm": 3.0,
    "mlp": 2.5,
}
#: rows above which judging on every fold is a luxury
MANY_ROWS = 100_000
#: where a worker finds how many bytes it may hold
SHARE_VARIABLE = "MODELWRIGHT_WORKER_BYTES"
#: every numerical library that starts threads of its own obeys one of these
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "POLARS_MAX_THREADS",
)


def cores() -> int:
    """Cores this process may run on, at least 1: the affinity mask, cut down by the cgroup's CPU quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cgroup_cores()
    return max(1, allowed if quota is None else min(allowed, quota))


def _cgroup_cores() -> int | None:
    """Whole cores of a cgroup v2 or v1 quota, rounded up; None without one."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()[:2]
    except (OSError, ValueError):
        try:
            quota = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").read_text().strip()
            period = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    if quota in ("max", "-1"):
        return None
    return max(1, -(-int(quota) // int(period)))


def worker_environment(share_bytes: int | None = None) -> dict[str, str]:
    """The environment of a worker: ours, one thread for every library, this package importable, its memory said."""
    import modelwright

    root = str(Path(modelwright.__path__[0]).parent)
    known = os.environ.get("PYTHONPATH", "")
    path = root if not known else f"{root}{os.pathsep}{known}"
    said = {} if share_bytes is None else {SHARE_VARIABLE: str(share_bytes)}
    return {**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1"), "PYTHONPATH": path, "PYTHONHASHSEED": "0", **said}


def worker_share_bytes() -> int | None:
    """What the worker that this process is may hold; None in any other process."""
    said = os.environ.get(SHARE_VARIABLE, "")
    return int(said) if said.isdecimal() else None


def memory_limit_bytes() -> int:
    """Memory this process may use: the machine's, cut down by the limits of its cgroups."""
    import psutil

    limits = [int(psutil.virtual_memory().total)]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            limits.append(int(Path("/sys/fs/cgroup", name).read_text()))
        except (OSError, ValueError):  # absent, or `max`
            continue
    return min(limits)


def memory_bytes(share: float) -> int:
    """What `training.memory_share` allows for everything: the process that plans and its workers."""
    return int(share * memory_limit_bytes())


def table_bytes(share: float, workers: int | None = None) -> int:
    """How large a table may be in memory.

    The process that plans holds up to three times its table, and so does a worker (the rows, its learn rows, their
    matrix), besides up to 1 GiB; on small machines, where that would leave nothing, a sixteenth of the memory.
    """
    whole, count = memory_bytes(share), workers or cores()
    return max(whole // 16, (whole - count * WORKER_BYTES) // (_COPIES * (1 + count)))


def unit_bytes(family: str, n_rows: int, n_columns: int) -> int:
    """What fitting a family on a float64 matrix takes besides the matrix's own rows: an estimate from above none.

    Deliberately low (the matrix and what the library copies at least), since it is used to refuse a fit beforehand.
    """
    return int(n_rows * n_columns * 8 * _FIT_COPIES.get(family, 2.0))


def affordable_rows(n_rows: int, n_columns: int, seconds: float, us_per_cell: float) -> int:
    """How many rows of a table a fit may learn from to end in `seconds`, at so many microseconds for each value.

    Never fewer than 1,000 (or all there are): below that, a fit says too little to be worth its overhead.
    """
    fitting = int(seconds * 1e6 / max(us_per_cell * max(n_columns, 1), 1e-9))
    return min(n_rows, max(1_000, fitting))


def folds_for(n_rows: int, budget_s: float, wanted: int = 5) -> int:
    """How many of the wanted folds to judge candidates on: fewer where rows are many and seconds few.

    With n rows judged, a share is known to half of 1 / sqrt(n): a fifth of 100,000 rows tells candidates apart to
    0.4 %, so from there on more candidates are worth more than more folds. All folds from a second for each 1,000
    rows, three from a second for each 2,500, else one.
    """
    if n_rows <= MANY_ROWS or budget_s * 1_000 >= n_rows:
        return wanted
    return min(wanted, 3 if budget_s * 2_500 >= n_rows else 1)
