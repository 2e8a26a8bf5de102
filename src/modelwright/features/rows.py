"""One row at Python speed: from values to a matrix row, as an array or as bytes, equal to `transform` bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from struct import Struct
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from modelwright.core.nouns import ColumnType
from modelwright.core.ports import FittedTransformer, RowApplied
from modelwright.features.deriving import Maker
from modelwright.features.values import SCALAR

_Values = Callable[[Any], Any]
Floats = Callable[[Sequence[Any]], Sequence[float]]
Bytes = Callable[[Sequence[Any]], bytes]


@runtime_checkable
class Packed(Protocol):
    """Optional on a fitted transformer with a row form: the same floats as bytes of float64, quicker."""

    def packed(self) -> Bytes: ...


class Plan:
    """Which values each maker and each step reads, by position; `usable` where all of them have a row form."""

    def __init__(
        self, columns: Sequence[str], makers: Sequence[Maker], steps: Sequence[tuple[Sequence[str], FittedTransformer]]
    ) -> None:
        slots = {name: at for at, name in enumerate(columns)}
        self.makers: list[tuple[_Values, Callable[[Sequence[Any]], Any]]] = []
        self.steps: list[tuple[_Values, RowApplied, int]] = []
        self.usable = True
        free = len(slots)
        for maker in makers:
            made = maker.row()
            if made is None:
                self.usable = False
                return
            self.makers.append((_pick([slots[name] for name in maker.columns]), made))
            slots.update(dict.fromkeys(maker.makes, free))
            free += 1
        for names, fitted in steps:
            if not isinstance(fitted, RowApplied):
                self.usable = False
                return
            self.steps.append((_pick([slots[name] for name in names]), fitted, len(fitted.names)))

    def by_name(
        self, types: Mapping[str, ColumnType], missing: Callable[[str, Sequence[str]], Exception]
    ) -> Callable[[Mapping[str, Any]], NDArray[np.float64]]:
        """From values by column name, converted where need be; raises what `missing` makes of an absent column."""
        readers = [(name, SCALAR[kind], _NATIVE[kind]) for name, kind in types.items()]
        array, float64, makers = np.array, np.float64, self.makers
        steps = [(pick, fitted.row()) for pick, fitted, _ in self.steps]

        def transform_row(row: Mapping[str, Any]) -> NDArray[np.float64]:
            values: list[Any] = []
            add = values.append
            try:
                for name, convert, native in readers:
                    value = row[name]
                    add(value if type(value) is native else convert(value))
            except KeyError:
                raise missing(next(name for name in types if name not in row), list(row)) from None
            for pick, make in makers:
                add(make(pick(values)))
            out: list[float] = []
            extend = out.extend
            for pick, apply in steps:
                extend(apply(pick(values)))
            return array(out, dtype=float64)

        return transform_row

    def packed(self) -> Bytes:
        """From stored values, in the order of the columns, to the bytes of the matrix row."""
        steps = [(pick, _bytes_of(fitted, width)) for pick, fitted, width in self.steps]
        join, makers = b"".join, self.makers
        if not makers:
            if len(steps) == 1:
                pick, apply = steps[0]
                return lambda values: apply(pick(values))
            return lambda values: join([apply(pick(values)) for pick, apply in steps])

        def made(values: Sequence[Any]) -> bytes:
            known = list(values)
            for pick, make in makers:
                known.append(make(pick(known)))
            return join([apply(pick(known)) for pick, apply in steps])

        return made


def _bytes_of(fitted: RowApplied, width: int) -> Bytes:
    if isinstance(fitted, Packed):
        return fitted.packed()
    apply, pack = fitted.row(), Struct(f"{width}d").pack
    return lambda values: pack(*apply(values))


def _pick(positions: list[int]) -> _Values:
    if len(positions) == 1:
        only = positions[0]
        return lambda values: (values[only],)
    first, last = (positions[0], positions[-1]) if positions else (0, -1)
    if positions == list(range(first, last + 1)):
        span = slice(first, last + 1)
        return lambda values: values[span]
    return itemgetter(*positions)


#: values of exactly this type need no conversion (an infinity is met by the steps themselves)
_NATIVE: dict[ColumnType, type] = {
    ColumnType.NUMBER: float,
    ColumnType.BOOLEAN: bool,
    ColumnType.CATEGORY: str,
    ColumnType.TEXT: str,
    ColumnType.DATETIME: object,  # a datetime may carry a time zone
}
