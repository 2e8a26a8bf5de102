"""Lines of JSON between the supervisor and one of its processes."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any

_MOST = 64 << 20
#: a process that does not take a line for so long has hung
_PATIENCE_S = 2.0


class Link:
    """One end of a socket pair. `closed` once the other end is gone."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.closed = False
        self._read = b""
        sock.setblocking(False)

    @staticmethod
    def pair() -> tuple[Link, Link]:
        one, other = socket.socketpair()
        return Link(one), Link(other)

    def fileno(self) -> int:
        return self.sock.fileno()

    def say(self, **line: Any) -> bool:
        """Send one line; False where nobody takes it."""
        try:
            self.sock.settimeout(_PATIENCE_S)
            self.sock.sendall(json.dumps(line).encode() + b"\n")
        except OSError:
            return False
        finally:
            with contextlib.suppress(OSError):
                self.sock.setblocking(False)
        return True

    def lines(self) -> Iterator[dict[str, Any]]:
        """What has arrived by now."""
        while not self.closed:
            try:
                chunk = self.sock.recv(1 << 16)
            except BlockingIOError:
                break
            except OSError:
                chunk = b""
            if not chunk or len(self._read) > _MOST:
                self.closed = True
            self._read += chunk
        *whole, self._read = self._read.split(b"\n")
        for line in whole:
            yield json.loads(line)

    def close(self) -> None:
        self.closed = True
        with contextlib.suppress(OSError):
            self.sock.close()
