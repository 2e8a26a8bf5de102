"""Request ids: unique over processes and restarts, without a system call per request."""

from __future__ import annotations

import os
import secrets
from itertools import count


class Ids:
    """96 random bits of this process and a running number."""

    def __init__(self) -> None:
        self._renew()
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._prefix = secrets.token_hex(12)
        self._next = count(1).__next__

    def make(self) -> str:
        return f"{self._prefix}{self._next():08x}"

    def span(self) -> str:
        """A span id of the W3C trace context: 8 random bytes, never all zero."""
        return f"{secrets.randbits(64) or 1:016x}"
