"""The demo as it is told: lines with their second, stages with facts and claims, and a time by which all is over."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from modelwright.core.errors import ModelwrightError
from modelwright.lifecycle.operation import Context, Progress

_LOOK_S = 0.05


class NotShownError(Exception):
    """A stage could not happen, and why."""


@dataclass(slots=True, kw_only=True)
class Stage:
    name: str
    title: str
    at_s: float
    seconds: float = 0.0
    shown: bool = False
    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    #: what is said and by which measured number, each
    claims: list[dict[str, str]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class Story:
    """`budget_s`: seconds of the wall clock for everything."""

    def __init__(self, context: Context, budget_s: float) -> None:
        self._context, self._began, self.budget_s = context, time.monotonic(), budget_s
        self.stages: list[Stage] = []
        self.lines: list[dict[str, Any]] = []
        #: asked while waiting; raises NotShownError where waiting is in vain
        self.guard: Callable[[], None] = lambda: None

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._began

    @property
    def left_s(self) -> float:
        return self.budget_s - self.elapsed_s

    def say(self, text: str) -> None:
        at = self.elapsed_s
        self.lines.append({"at_s": round(at, 1), "text": text})
        # a step of its own for each line: doors then show every one
        self._context.progress(Progress(step=f"{int(at) // 60}:{int(at) % 60:02d}  {text}", message=""))

    @contextlib.contextmanager
    def stage(self, name: str, title: str) -> Iterator[Stage]:
        """Raises NotShownError, also for what went wrong inside in the product's own words."""
        found = Stage(name=name, title=title, at_s=round(self.elapsed_s, 1))
        self.stages.append(found)
        if self.left_s <= 0:
            found.reason = f"the budget of {self.budget_s:.0f} s was spent before it could begin"
            raise NotShownError(found.reason)
        self.say(f"{len(self.stages)}. {title}")
        try:
            yield found
        except NotShownError as error:
            found.reason = str(error)
            raise
        except ModelwrightError as error:
            found.reason = f"{error.message} ({error.code})"
            raise NotShownError(found.reason) from error
        finally:
            found.seconds = round(self.elapsed_s - found.at_s, 1)
        found.shown = True

    def claim(self, stage: Stage, said: str, evidence: str) -> None:
        stage.claims.append({"said": said, "evidence": evidence})
        self.say(f"   {said}: {evidence}")

    def until(self, what: Callable[[], Any], why: str, every_s: float = _LOOK_S) -> Any:
        """The first true value. Raises NotShownError when the budget ends first."""
        while self.left_s > 0:
            found = what()
            if found:
                return found
            self.guard()
            time.sleep(every_s)
        raise NotShownError(f"the budget of {self.budget_s:.0f} s was spent while waiting: {why}")
