"""scikit-learn's bundled tables (sklearn:breast_cancer, iris, wine, diabetes, digits, linnerud), no download."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelwright.adapters.sources._shared import drawn, keep_columns, version_digest
from modelwright.core.digests import digest
from modelwright.core.errors import NotFoundError, did_you_mean
from modelwright.core.ports import ReadOptions, Source
from modelwright.core.tables import RawTable

_SETS = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")


class _Sklearn:
    suffixes: tuple[str, ...] = ()
    schemes = ("sklearn",)

    def read(self, locations: Sequence[str], options: ReadOptions) -> RawTable:
        """The target column is `target`; classes carry their names (digits: the digit as a number)."""
        import polars as pl

        name = locations[0].partition(":")[2].strip("/").lower().removeprefix("load_")
        if name not in _SETS:
            raise NotFoundError(
                f"scikit-learn bundles no table '{name}'.",
                code="source.unknown_set",
                hint=did_you_mean(name, _SETS),
                subject="data.source",
            )
        from sklearn import datasets

        frame = pl.DataFrame(_columns(name, getattr(datasets, f"load_{name}")()))
        content = frame.write_csv().encode()
        found = drawn(lambda: [keep_columns(frame, options)], options)
        return RawTable(
            frame=found.frame,
            digest=version_digest([digest(content)], options, found),
            source=f"sklearn:{name}",
            size_bytes=len(content),
            notes=found.notes,
            sample_rate=found.rate,
            counters=found.counters,
        )


def _columns(name: str, bunch: Any) -> dict[str, Any]:
    names = [str(each) for each in bunch.feature_names]
    columns: dict[str, Any] = {each: bunch.data[:, position] for position, each in enumerate(names)}
    if name == "linnerud":
        extra = {str(each).lower(): bunch.target[:, position] for position, each in enumerate(bunch.target_names)}
        return columns | extra | {"target": extra["weight"]}
    if name == "diabetes":
        return columns | {"target": bunch.target}
    if name == "digits":
        return columns | {"target": bunch.target.astype("int64")}
    return columns | {"target": [str(bunch.target_names[each]) for each in bunch.target]}


PLUGIN: Source = _Sklearn()
