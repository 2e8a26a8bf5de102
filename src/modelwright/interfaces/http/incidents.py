"""What is done with an error that nobody expected: the caller gets a number, the details stay here."""

from __future__ import annotations

import logging
import secrets
import traceback
from pathlib import Path

_log = logging.getLogger("modelwright.http")
#: files of one process; a fault that every request meets must not fill the disk
_MOST = 200


class Incidents:
    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._written = 0

    def note(self, error: BaseException, doing: str) -> str:
        """Write the traceback down; returns the number of the incident."""
        number = secrets.token_hex(4)
        text = "".join(traceback.format_exception(error))
        _log.error("incident %s while answering %s: %s", number, doing, type(error).__name__)
        if self._folder is None or self._written >= _MOST:
            return number
        self._written += 1
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / f"{number}.txt").write_text(text, encoding="utf-8")
        except OSError:
            _log.error("incident %s could not be written down", number)
        return number
