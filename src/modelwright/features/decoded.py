"""The columns of one table, each decoded once, however many feature sets read them.

An ensemble asks for the same rows through a feature set per fold. Telling words apart and reading numbers is most of
the work and the same for all of them; what differs is a small look-up of the distinct words.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from modelwright.features import values

if TYPE_CHECKING:
    import polars as pl

    from modelwright.core.nouns import ColumnType
    from modelwright.features.deriving import Maker

#: up to so many rows a loop is done before polars has planned its queries
_FEW = 2_000
#: makers that are their state and nothing else; others are the same only where they are one object
_STATED = frozenset(("expression", "cross", "bins"))


class Coded(NamedTuple):
    """words: distinct texts, the empty one for missing; codes: (n,) positions among them."""

    words: list[str]
    codes: NDArray[np.int64]


class Decoded:
    """What has been read of one table so far. Made for one call and dropped with it: it never notices new values.

    A key says what a column is made of, so that two feature sets share exactly what both would have computed.
    """

    def __init__(self) -> None:
        self.series: dict[Hashable, pl.Series] = {}
        self._numbers: dict[Hashable, NDArray[np.float64]] = {}
        self._coded: dict[Hashable, Coded] = {}

    def numbers(self, key: Hashable) -> NDArray[np.float64]:
        """(n,) as `values.numbers` reads the column; not to be written to."""
        found = self._numbers.get(key)
        if found is None:
            series = self.series[key]
            found = self._numbers[key] = values.numbers(series.to_frame(), (series.name,))[:, 0]
        return found

    def coded(self, key: Hashable) -> Coded:
        found = self._coded.get(key)
        if found is None:
            found = self._coded[key] = _coded(self.series[key])
        return found


class Cells:
    """One feature set's view of a table: columns by the names that it knows them by."""

    def __init__(self, decoded: Decoded, keys: Mapping[str, Hashable], height: int) -> None:
        self._decoded, self._keys, self.height = decoded, keys, height

    @classmethod
    def of(cls, frame: pl.DataFrame) -> Cells:
        """A table read for one encoder alone."""
        decoded = Decoded()
        decoded.series.update({series.name: series for series in frame})
        return cls(decoded, {name: name for name in frame.columns}, frame.height)

    def __getitem__(self, name: str) -> pl.Series:
        return self._decoded.series[self._keys[name]]

    def frame(self, names: Sequence[str]) -> pl.DataFrame:
        import polars as pl

        return pl.DataFrame([self[name].alias(name) for name in names])

    def numbers(self, names: Sequence[str]) -> NDArray[np.float64]:
        """(n, len(names)), fresh memory; equal to `values.numbers`."""
        found = np.empty((self.height, len(names)), dtype=np.float64)
        for at, name in enumerate(names):
            found[:, at] = self._decoded.numbers(self._keys[name])
        return found

    def positions(self, name: str, keys: Mapping[str, int], default: int) -> NDArray[np.int64]:
        """(n,), equal to `values.positions` of the column."""
        coded, get = self._decoded.coded(self._keys[name]), keys.get
        places = np.array([get(word, default) for word in coded.words], dtype=np.int64)
        return places[coded.codes]


class Listed(Cells):
    """Stored values in plain sequences; only for encoders that ask for numbers and positions."""

    def __init__(self, columns: Mapping[str, Sequence[Any]], height: int) -> None:
        super().__init__(Decoded(), {}, height)
        self._columns = columns

    def numbers(self, names: Sequence[str]) -> NDArray[np.float64]:
        found = np.empty((self.height, len(names)), dtype=np.float64)
        for at, name in enumerate(names):
            found[:, at] = self._columns[name]  # None becomes NaN
        odd = np.isinf(found)
        if odd.any():
            found[odd] = np.nan
        return found

    def positions(self, name: str, keys: Mapping[str, int], default: int) -> NDArray[np.int64]:
        get, column = keys.get, self._columns[name]
        if None in column:
            return np.array([get(text or "", default) for text in column], dtype=np.int64)
        return np.fromiter(map(get, column, repeat(default)), dtype=np.int64, count=len(column))


def readable(fitted: object, columns: Sequence[str], types: Mapping[str, ColumnType]) -> bool:
    """Whether an encoder can read `Listed` values of these columns: `reads` names the types that it does so for."""
    return isinstance(fitted, Reads) and all(types.get(name) in getattr(fitted, "reads", ()) for name in columns)


@runtime_checkable
class Reads(Protocol):
    """A fitted encoder that can share what was decoded; `apply(frame)` is then `read(Cells.of(frame))`."""

    def read(self, cells: Cells, /) -> NDArray[np.float64]: ...


def keys_of(types: Mapping[str, ColumnType], makers: Sequence[Maker]) -> dict[str, Hashable]:
    """Column name -> what it is made of."""
    keys: dict[str, Hashable] = {name: (name, kind) for name, kind in types.items()}
    for maker in makers:
        identity: Hashable = _text(maker) if maker.kind in _STATED else id(maker)
        inputs = tuple(keys[name] for name in maker.columns)
        keys.update({name: (maker.kind, identity, inputs, name) for name in maker.makes})
    return keys


def bound(
    frame: pl.DataFrame,
    types: Mapping[str, ColumnType],
    makers: Sequence[Maker],
    keys: Mapping[str, Hashable],
    decoded: Decoded,
    missing: Callable[[str], Exception],
) -> Cells:
    """The view of `frame` with everything the makers add; raises what `missing` makes of an absent column's name."""
    known = decoded.series
    for name, kind in types.items():
        if keys[name] not in known:
            if name not in frame.columns:
                raise missing(name)
            known[keys[name]] = values.stored(frame[name], kind)
    cells = Cells(decoded, keys, frame.height)
    names = list(types)
    for maker in makers:
        if any(keys[name] not in known for name in maker.makes):
            for series in maker.extend(cells.frame(names)):
                known[keys[series.name]] = series
        names.extend(maker.makes)
    return cells


def _text(maker: Maker) -> str:
    from modelwright.core.digests import canonical_json

    return canonical_json(maker.state()).decode()


def _coded(series: pl.Series) -> Coded:
    import polars as pl

    if series.dtype != pl.String:
        series = series.cast(pl.String)
    if series.len() <= _FEW:
        places: dict[str | None, int] = {}
        codes = np.array([places.setdefault(text, len(places)) for text in series.to_list()], dtype=np.int64)
        return Coded([text or "" for text in places], codes)
    distinct = series.drop_nulls().unique()
    places_of = series.cast(pl.Enum(distinct)).to_physical().cast(pl.Int64)
    if series.null_count():
        places_of = places_of.fill_null(distinct.len())
    return Coded([*distinct.to_list(), ""], places_of.to_numpy())
