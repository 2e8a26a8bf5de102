"""What checks read. Every field may be None: a check that needs it then says that it could not judge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from modelwright.core.run import Problem, RunRecord
from modelwright.core.tables import Dataset

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from modelwright.spec.model import Spec


class Parts(Protocol):
    """The three parts of a split as row positions; `modelwright.data.split.Split` is one."""

    @property
    def kind(self) -> Any: ...
    @property
    def train(self) -> NDArray[np.int64]: ...
    @property
    def val(self) -> NDArray[np.int64]: ...
    @property
    def test(self) -> NDArray[np.int64]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UserStep:
    """A function of the user's own, and the table it is called with, so that a check can call it again."""

    section: str  # data.prepare | features.custom
    hook: str  # module:function
    run: Callable[[pl.DataFrame], pl.DataFrame]
    frame: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class DataEvidence:
    """For checks of kind `data` and `features`."""

    dataset: Dataset | None = None
    profile: dict[str, Any] | None = None
    problem: Problem | None = None
    spec: Spec | None = None
    split: Parts | None = None
    steps: tuple[UserStep, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEvidence:
    """For checks of kind `model` and `deployment`."""

    record: RunRecord | None = None
