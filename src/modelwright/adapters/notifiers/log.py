"""Append each message as a line of JSON to a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from modelwright.core import ports
from modelwright.core.errors import AdapterError
from modelwright.records.notices import Notice, Notifier


class Params(ports.Params, frozen=True, kw_only=True):
    path: Annotated[str, Meta(min_length=1, description="the file; its folder has to exist")]


class LogNotifier:
    """One write per line, so that lines of several processes never mix."""

    def send(self, notice: Notice, params: Params, timeout_s: float) -> None:
        line = msgspec.json.encode({"title": notice.title, **msgspec.to_builtins(notice)}) + b"\n"
        try:
            handle = os.open(Path(params.path), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
            try:
                os.write(handle, line)
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise AdapterError(
                f"The alert log {params.path} could not be written: {error.strerror or error}.",
                code="notifier.failed",
                hint="check the folder, its permissions and free disk space",
                subject="alerts.notifiers",
                retryable=True,
            ) from error


PLUGIN: Notifier = LogNotifier()
