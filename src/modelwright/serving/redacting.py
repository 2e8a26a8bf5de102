"""Redaction: what of a row may stand in the prediction log. Personal data never reach the log's memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any

from modelwright.core.errors import SpecError, did_you_mean
from modelwright.core.nouns import ColumnType, Finding, Signature, SignatureField
from modelwright.records.keys import subject_hash
from modelwright.records.prediction import SUBJECT
from modelwright.serving.columns import microseconds
from modelwright.spec.serving import ColumnPolicy, LogSpec

#: in `log.subject`: the caller's own row ids name the persons
ROW_ID = "row_id"

_START, _END = r"(^|[_\-. ])", r"([_\-. ]?(no|nr|number|hash))?$"
_PERSON = r"(customer|client|patient|user|person|employee|member|applicant|holder|passenger|student|guest|subscriber)"
#: names of columns that hold personal data whatever their values look like (GDPR, article 4(1))
_PERSONAL_NAMES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_START}e?[_-]?mail([_\-. ]?addr(ess)?)?$",
        rf"{_START}(phone|telephone|mobile|cell|fax){_END}",
        rf"{_START}(ssn|social[_\- ]?security|national[_\- ]?(id|insurance)|nino|passport|tax[_\- ]?id){_END}",
        rf"{_START}(personal[_\- ]?id|driving[_\- ]?licen[cs]e|(credit[_\- ]?)?card|bank[_\- ]?account|iban){_END}",
        rf"{_START}(first|last|full|middle|given|family|sur|sir|maiden|user)[_\- ]?name$",
        rf"{_START}{_PERSON}[_\- ]?(name|id|no|nr|number|key|uuid|guid)$",
        r"^(name|names)$",
        rf"{_START}(surname|author|contact|street|(home|postal|street|ip)?[_\- ]?address|ip|login)$",
        rf"{_START}(birth[_\- ]?da(te|y)|date[_\- ]?of[_\- ]?birth|dob|birthdate)$",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """`columns` and `types` are those of the log's schema; `apply` takes a row's values in the signature's order to
    what is kept of them, datetimes as microseconds; `row_ids` does the same to the caller's names of the rows."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    apply: Callable[[Sequence[Any]], tuple[Any, ...]]
    row_ids: Callable[[Sequence[str]], tuple[str, ...]]
    dropped: tuple[str, ...] = ()
    hashed: tuple[str, ...] = ()

    def rows(self, rows: Sequence[tuple[Any, ...] | None]) -> tuple[tuple[Any, ...] | None, ...]:
        """All rows of a request; None stands for one that was refused."""
        if self.apply is tuple:
            return tuple(rows)
        return tuple(None if row is None else self.apply(row) for row in rows)


def is_personal_name(column: str) -> bool:
    """Whether a column is named as personal data are."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column)
    return any(pattern.search(snake) for pattern in _PERSONAL_NAMES)


def personal_columns(findings: Iterable[Finding]) -> frozenset[str]:
    """The columns in which the checks of training found personal data."""
    prefix = "column:"
    return frozenset(
        each.subject.removeprefix(prefix)
        for each in findings
        if each.code == "data.personal" and each.subject.startswith(prefix)
    )


def redaction(
    signature: Signature,
    log: LogSpec,
    policies: Mapping[str, ColumnPolicy],
    key: bytes,
    personal: Collection[str] = (),
) -> Redaction:
    """What the log of a model keeps. `personal` are the columns that training found personal data in; `key` is the
    workspace's (`records.keys.load_key`). Raises SpecError (`log.subject`, `log.column`) for a name that the model
    does not know: nothing may be kept because of a slip."""
    names = [field.name for field in signature.inputs]
    for unknown in [name for name in policies if name not in names]:
        raise _unknown(
            "log.column", f"serving.columns names '{unknown}', which the model does not take.", names, unknown
        )
    if log.subject is not None and log.subject not in [*names, ROW_ID]:
        message = f"serving.log.subject is '{log.subject}', which the model does not take."
        raise _unknown("log.subject", message, [*names, ROW_ID], log.subject)
    actions = [_action(field, log, policies, personal) for field in signature.inputs]
    kept = [
        (place, field.name, actions[place]) for place, field in enumerate(signature.inputs) if actions[place] != "drop"
    ]
    columns = [name for _, name, _ in kept]
    types = ["text" if action == "hash" else str(signature.inputs[place].type) for place, _, action in kept]
    changes: dict[int, Callable[[Any], Any]] = {}
    for at, (place, name, action) in enumerate(kept):
        if action == "hash":
            changes[at] = partial(_hash, key, f"{name}\0")
        elif signature.inputs[place].type is ColumnType.DATETIME:
            changes[at] = _moment
    places = [place for place, _, _ in kept]
    if log.subject in names:
        changes[len(columns)] = partial(_hash, key, "")
        places.append(names.index(str(log.subject)))
        columns.append(SUBJECT)
        types.append(SUBJECT)
    whole = places == list(range(len(names)))
    return Redaction(
        columns=tuple(columns),
        types=tuple(types),
        apply=_changing(_picking(places, whole=whole), changes),
        row_ids=tuple if log.subject != ROW_ID else lambda ids: tuple(subject_hash(one, key) for one in ids),
        dropped=tuple(name for name, action in zip(names, actions, strict=True) if action == "drop"),
        hashed=tuple(name for _, name, action in kept if action == "hash"),
    )


def redactor(
    signature: Signature,
    log: LogSpec,
    key: bytes,
    policies: Mapping[str, ColumnPolicy] | None = None,
    personal: Collection[str] = (),
) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """Only the function of a `redaction`: a row's stored values to what is kept of them."""
    return redaction(signature, log, policies or {}, key, personal).apply


def _action(
    field: SignatureField, log: LogSpec, policies: Mapping[str, ColumnPolicy], personal: Collection[str]
) -> str:
    said = policies[field.name].log if field.name in policies else None
    if said is not None:
        return said
    about_a_person = field.name in personal or field.name == log.subject or is_personal_name(field.name)
    return "drop" if about_a_person or log.columns == "none" else "keep"


def _picking(places: list[int], *, whole: bool) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    if whole:
        return tuple
    if not places:
        return lambda _row: ()
    if len(places) == 1:
        (place,) = places
        return lambda row: (row[place],)
    return itemgetter(*places)


def _changing(
    pick: Callable[[Sequence[Any]], tuple[Any, ...]], changes: Mapping[int, Callable[[Any], Any]]
) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """`changes` are by place among what is picked."""
    if not changes:
        return pick

    def apply(row: Sequence[Any]) -> tuple[Any, ...]:
        values = list(pick(row))
        for place, change in changes.items():
            if values[place] is not None:
                values[place] = change(values[place])
        return tuple(values)

    return apply


def _hash(key: bytes, before: str, value: Any) -> str:
    """`before` keeps two columns with the same value from being told to have it."""
    return subject_hash(_moment(value), key, before)


def _moment(value: Any) -> Any:
    return microseconds(value) if isinstance(value, datetime) else value


def _unknown(code: str, message: str, known: list[str], name: str) -> SpecError:
    return SpecError(message, code=code, hint=did_you_mean(name, known), subject=f"column:{name}")
