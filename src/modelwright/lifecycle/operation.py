"""What an operation is: one typed function with a request and a result; every door is built from these.

An operation is one file in `lifecycle/operations/`. Its file name is its command (`models_list.py` is
`modelwright models list`), its first line its help, its `Request` struct its arguments. Files import heavy rooms
inside functions, so that listing and parsing stay fast.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from modelwright.core.clock import Clock, SystemClock


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every request. `Meta(description=..., extra={...})` says how a door shows a field:
    `positional: True` makes it a positional argument, `flag: "-o"` adds a short option,
    `name: "--set"` renames the option; a bool is a switch, a tuple may be given several times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What is happening now; doors show it on standard error."""

    step: str
    message: str
    done: int | None = None
    total: int | None = None
    best: str = ""
    time_left_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a door hands to an operation besides the request."""

    workspace: Path
    actor: str = "local"
    clock: Clock = field(default_factory=SystemClock)
    progress: Callable[[Progress], None] = field(default=lambda _event: None)
    #: for an operation that goes on for long: its result, shown at once; it then returns None
    announce: Callable[[Any], None] = field(default=lambda _result: None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`perform` returns a struct or dict that is the `--json` object as it stands. Where it has a `verdict`
    key, NEEDS REWORK becomes exit code 3 in the command-line door."""

    request: type[Request]
    perform: Callable[[Any, Context], Any]
