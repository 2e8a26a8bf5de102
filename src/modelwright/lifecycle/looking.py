"""Look at a table nobody has described yet: read, type, name the roles. Used by `init` and `profile`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from modelwright.core.errors import ModelwrightError
from modelwright.core.run import Problem
from modelwright.core.tables import Dataset
from modelwright.spec.model import DataSpec, FeaturesSpec, Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    dataset: Dataset
    #: None where the data does not pose a problem that can be learned; then `obstacle` says why
    problem: Problem | None
    obstacle: ModelwrightError | None = None


def look(source: str, *, target: str | None = None, table: str | None = None) -> Looked:
    """Read and type the table, or as many of its rows as a run would draw of it (a note says so).

    Raises DataError when it cannot be read; a poor target is only reported."""
    from modelwright.data.conform import conform
    from modelwright.data.problem import analyse
    from modelwright.data.schema import infer
    from modelwright.lifecycle.prepare import read_source

    spec = Spec(data=DataSpec(source=source, table=table), features=FeaturesSpec(target=target))
    raw = read_source(spec, Path.cwd(), draw=True)
    dataset = conform(raw, infer(raw.frame, spec.features, {}, raw.counters))
    try:
        return Looked(dataset=dataset, problem=analyse(dataset, spec))
    except ModelwrightError as error:
        return Looked(dataset=dataset, problem=None, obstacle=error)
