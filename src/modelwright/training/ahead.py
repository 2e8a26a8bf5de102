"""Import what the last steps need while the workers fit, so that the end of the budget does not wait for it."""

from __future__ import annotations

import contextlib
import importlib
import threading
from dataclasses import dataclass, field

_MODULES = ("scipy.optimize", "sklearn.isotonic")


@dataclass(slots=True)
class Ahead:
    """A thread of imports, and the answer to whether it is through."""

    _thread: threading.Thread = field(default_factory=lambda: threading.Thread(target=_load, daemon=True))

    def start(self) -> None:
        self._thread.start()

    def ready(self, timeout_s: float) -> bool:
        """Wait at most this long; True when everything is imported."""
        self._thread.join(max(0.0, timeout_s))
        return not self._thread.is_alive()


def _load() -> None:
    for name in _MODULES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
