"""Named points of a long change, at which a test may kill it, make it fail or slow it down.

    MODELWRIGHT_FAILPOINT=rollback.moved=kill          kill | raise | full | delay:SECONDS

Without the variable a point costs one look into the environment. The names stand where `reached` is called.
"""

from __future__ import annotations

import errno
import os
import signal
import time

from modelwright.core.errors import StateError

_VARIABLE = "MODELWRIGHT_FAILPOINT"


def reached(point: str) -> None:
    """Raises StateError (`failpoint`) or OSError where the variable says so of this point."""
    said = os.environ.get(_VARIABLE, "")
    name, _, action = said.partition("=")
    if name != point:
        return
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "raise":
        raise StateError(f"The failpoint '{point}' was reached.", code="failpoint", subject=point)
    elif action == "full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    elif action.startswith("delay:"):
        time.sleep(float(action.removeprefix("delay:")))
