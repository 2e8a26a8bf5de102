"""Run a program of yours with the message as JSON on its standard input; never a shell."""

from __future__ import annotations

import subprocess
from typing import Annotated

import msgspec
from msgspec import Meta

from modelwright.core import ports
from modelwright.core.errors import AdapterError
from modelwright.records.notices import Notice, Notifier

_SHOWN = 300


class Params(ports.Params, frozen=True, kw_only=True):
    command: Annotated[list[str], Meta(min_length=1, max_length=64, description="the program and its arguments")]


class CommandNotifier:
    def send(self, notice: Notice, params: Params, timeout_s: float) -> None:
        body = msgspec.json.encode({"title": notice.title, **msgspec.to_builtins(notice)})
        try:
            # the list stands in the owner's own file; nothing of a message becomes an argument
            done = subprocess.run(  # noqa: S603
                params.command, input=body, capture_output=True, timeout=timeout_s, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise _failed(params, f"it took longer than {timeout_s:g} s and was ended") from error
        except OSError as error:
            raise _failed(params, str(error)) from error
        if done.returncode:
            raise _failed(params, f"exit status {done.returncode}: {done.stderr.decode(errors='replace')[:_SHOWN]}")


def _failed(params: Params, why: str) -> AdapterError:
    return AdapterError(
        f"The command '{params.command[0]}' failed: {why.strip()}.",
        code="notifier.failed",
        hint="run it by hand with a message on its standard input",
        subject="alerts.notifiers",
        retryable=True,
    )


PLUGIN: Notifier = CommandNotifier()
