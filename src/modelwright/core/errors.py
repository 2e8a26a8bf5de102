"""Errors, sorted by who must act.

ModelwrightError
    SpecError            the author of pipeline.yaml (or of the command line)
    DataError            the owner of the data
    ModelError           whoever chose or wrote the model: fit or predict is impossible
    NotFoundError        the caller: no such run, model, version, plugin, file
    StateError           the caller: illegal move, lost race, a second run in the same workspace
    AdapterError         whoever runs the outside world: database, object store, disk
        MissingExtraError    the installer: an optional part is not installed

Codes multiply, classes do not. Exit codes and HTTP statuses live in `interfaces`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple


class ModelwrightError(Exception):
    """One clear sentence, a stable code, the place (`subject`) and the fix (`hint`)."""

    default_code = "error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str = "",
        subject: str = "",
        retryable: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.hint = hint
        self.subject = subject
        self.retryable = retryable

    def as_dict(self) -> dict[str, object]:
        """The shape every `--json` error has."""
        return {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "subject": self.subject,
            "retryable": self.retryable,
        }


class Fix(NamedTuple):
    """An edit that can be applied as it stands: lines `line` to `end_line` (1-based, both included) become
    `text`, which may hold several lines; None removes them."""

    line: int
    end_line: int
    text: str | None


class SpecError(ModelwrightError):
    """The author of the file must act; carries the place in the file where it is known.

    `fix` is the mechanical correction where there is one; `others` are further, independent errors of the same
    file, in the order of their lines.
    """

    default_code = "spec.invalid"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str = "",
        subject: str = "",
        file: str = "",
        line: int | None = None,
        column: int | None = None,
        source_line: str = "",
        fix: Fix | None = None,
        others: tuple[SpecError, ...] = (),
    ) -> None:
        super().__init__(message, code=code, hint=hint, subject=subject)
        self.file = file
        self.line = line  # 1-based
        self.column = column  # 1-based
        self.source_line = source_line
        self.fix = fix
        self.others = others

    def caret(self) -> str:
        """The source line with a caret under the column, or an empty string."""
        if self.line is None or self.column is None:
            return ""
        gutter = f"{self.line:>5} | "
        return f"{gutter}{self.source_line}\n{' ' * (len(gutter) + self.column - 1)}^"

    def as_dict(self) -> dict[str, object]:
        return {
            **super().as_dict(),
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "caret": self.caret(),
            "fix": None if self.fix is None else self.fix._asdict(),
            "others": [other.as_dict() for other in self.others],
        }


class DataError(ModelwrightError):
    default_code = "data.invalid"


class ModelError(ModelwrightError):
    default_code = "model.invalid"


class NotFoundError(ModelwrightError):
    default_code = "not_found"


class StateError(ModelwrightError):
    default_code = "state.conflict"


class AdapterError(ModelwrightError):
    default_code = "adapter.failed"


class MissingExtraError(AdapterError):
    """An optional part is not installed; the hint says how to install it."""

    default_code = "adapter.missing_extra"

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the optional part '{extra}', which is not installed.",
            hint=f"pip install 'modelwright[{extra}]'",
            subject=f"extra:{extra}",
        )
        self.extra = extra


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name closest to a misspelt one, or None when nothing is close.

    Adjacent meanings (`f1` for `f1_score`) match on a shared prefix when spelling distance does not.
    """
    names = sorted(set(known))
    close = difflib.get_close_matches(word.lower(), [name.lower() for name in names], n=1, cutoff=0.6)
    lowered = {name.lower(): name for name in names}
    if close:
        return lowered[close[0]]
    starts = [name for name in names if len(word) >= 3 and name.lower().startswith(word.lower()[:4])]
    return starts[0] if starts else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A fix for an unknown name: the nearest one first, then the whole list if it is short."""
    names = sorted(set(known))
    close = nearest(word, names)
    listing = f"known: {', '.join(names)}" if len(names) <= 30 else f"{len(names)} names are known"
    return f"did you mean '{close}'? ({listing})" if close else listing
