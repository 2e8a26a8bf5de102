"""One process that scores chunks: reads orders as lines of JSON on standard input, answers each with a line.

    python -m modelwright.lifecycle.batch.worker < orders

The parent has verified and probed the bundle; the digest it names is checked again here.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.errors import ModelError, ModelwrightError

if TYPE_CHECKING:
    import polars as pl

    from modelwright.lifecycle.batch.logging import BatchLog
    from modelwright.registry.bundle import LoadedBundle


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    folder: str
    digest: str
    hooks: tuple[str, ...]
    suffix: str  # of the parts
    intervals: bool
    request_id: str
    log: str = ""  # workspace; empty: nothing is logged
    name: str = ""
    version: int = 0


class Order(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    table: str  # Arrow file of the chunk
    part: str  # where the answers go; PART.json says that they are whole


class Done(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    rows: int = 0
    columns: tuple[str, ...] = ()
    coercions: tuple[tuple[str, int, str], ...] = ()
    error: dict[str, Any] | None = None


class Scorer:
    """A loaded bundle and how its answers are written."""

    def __init__(self, setup: Setup, bundle: LoadedBundle | None = None) -> None:
        from modelwright.registry.bundle import load

        self._setup = setup
        folder = Path(setup.folder)
        self._bundle = bundle or load(folder, probe=False, expected=setup.digest, hooks=setup.hooks)
        self._log: BatchLog | None = None
        if setup.log:
            from modelwright.lifecycle.batch.logging import BatchLog
            from modelwright.lifecycle.scoring import prediction_log

            self._log = BatchLog(
                prediction_log(Path(setup.log)),
                self._bundle,
                name=setup.name,
                version=setup.version,
                folder=folder,
                workspace=Path(setup.log),
            )

    def score(self, number: int, frame: pl.DataFrame, part: Path) -> Done:
        """Whole or not at all, and only then said to be done."""
        from modelwright.registry.answers import predictions_frame

        stored, coercions = self._conform(frame, first=number == 0)
        predictions = self._bundle.scorer.batch(stored)
        answers = predictions_frame(self._bundle.signature, predictions)
        if self._setup.intervals:
            answers = answers.hstack(self._bundle.uncertain(predictions))
        if self._log is not None:
            self._log.write(f"{self._setup.request_id}-{number}", stored, predictions)
        draft = part.with_name(f".{part.name}")
        write_part(answers, draft, self._setup.suffix, header=number == 0)
        draft.replace(part)
        done = Done(
            number=number,
            rows=answers.height,
            columns=tuple(answers.columns),
            coercions=tuple((each.column, each.count, each.what) for each in coercions),
        )
        note = part.with_name(f".{part.name}.json")
        note.write_bytes(msgspec.json.encode(done))
        note.replace(part.with_name(f"{part.name}.json"))
        return done

    def _conform(self, frame: pl.DataFrame, *, first: bool) -> Any:
        """The first chunk decides whether a column reads at all; later ones may be empty of readable values."""
        from modelwright.data.conform import conform_inputs

        if first:
            return self._bundle.conform(frame)
        for field in self._bundle.signature.inputs:
            if field.name not in frame.columns:
                raise ModelError(
                    f"The column '{field.name}' is missing.", code="bundle.missing_column", subject=field.name
                )
        return conform_inputs(frame, self._bundle.signature.inputs)

    def close(self) -> None:
        if self._log is not None:
            self._log.close()


def write_part(frame: pl.DataFrame, path: Path, suffix: str, *, header: bool) -> None:
    """Texts in a form that joins by writing one behind the other; only the first has the header."""
    if suffix in (".csv", ".tsv"):
        frame.write_csv(path, include_header=header, separator="\t" if suffix == ".tsv" else ",")
    elif suffix == ".jsonl":
        frame.write_ndjson(path)
    elif suffix == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_ipc(path)


def main() -> int:
    import polars as pl

    answer = sys.stdout.buffer
    setup = msgspec.json.decode(sys.stdin.buffer.readline(), type=Setup)
    try:
        scorer = Scorer(setup)
    except ModelwrightError as error:
        answer.write(msgspec.json.encode(Done(number=-1, error=error.as_dict())) + b"\n")
        answer.flush()
        return 1
    for line in sys.stdin.buffer:
        order = msgspec.json.decode(line, type=Order)
        try:
            done = scorer.score(order.number, pl.read_ipc(order.table), Path(order.part))
        except ModelwrightError as error:
            done = Done(number=order.number, error=error.as_dict())
        answer.write(msgspec.json.encode(done) + b"\n")
        answer.flush()
    scorer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
