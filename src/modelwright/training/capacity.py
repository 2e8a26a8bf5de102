"""What this process may use of the machine: cores by affinity and cgroup quota, memory by limit."""

from __future__ import annotations

import os
from pathlib import Path

#: what a worker holds besides its part of the table: libraries, a booster at work
WORKER_BYTES = 1 << 30
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


def worker_environment() -> dict[str, str]:
    """The environment of a worker: ours, with one thread for every library and this package importable."""
    import modelwright

    root = str(Path(modelwright.__path__[0]).parent)
    known = os.environ.get("PYTHONPATH", "")
    path = root if not known else f"{root}{os.pathsep}{known}"
    return {**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1"), "PYTHONPATH": path, "PYTHONHASHSEED": "0"}


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


def table_bytes(share: float) -> int:
    """How large a table may be in memory.

    A run holds at most about four times its table, and each worker up to 1 GiB besides; on small machines, where
    workers would leave nothing, an eighth of the memory.
    """
    whole = memory_bytes(share)
    return max(whole // 8, (whole - cores() * WORKER_BYTES) // 4)
