"""What a review looks for: `[tool.modelwright.review]` of pyproject.toml, and what the command line adds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from modelwright.checks.code.collecting import excluded
from modelwright.checks.code.nouns import RuleInfo
from modelwright.core.errors import SpecError, did_you_mean
from modelwright.core.nouns import Noun, Severity

_SECTION = "tool.modelwright.review"


class Settings(Noun, frozen=True, kw_only=True, rename="kebab"):
    """The keys of the section; a code may be a whole family: `LK`, `LK1`, `LK101`."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    fail_on: Severity | None = None
    noisy: bool = False
    per_file_ignores: dict[str, tuple[str, ...]] = {}
    baseline: str | None = None


def read(start: Path) -> Settings:
    """The section of the nearest pyproject.toml that has one, upwards. Raises SpecError (`review.settings`)."""
    for folder in (start, *start.parents):
        file = folder / "pyproject.toml"
        try:
            data = file.read_bytes()
        except OSError:
            continue
        if b"modelwright" in data:
            section = _section(file, data)
            if section is not None:
                return _settings(file, section)
    return Settings()


def _section(file: Path, data: bytes) -> Mapping[str, Any] | None:
    import tomllib

    try:
        whole: Any = tomllib.loads(data.decode("utf-8"))
    except ValueError as error:
        raise _wrong(file, f"{file.name} cannot be read: {error}.", "mend the file") from error
    for part in _SECTION.split("."):
        whole = whole.get(part) if isinstance(whole, dict) else None
    return whole if whole is None or isinstance(whole, dict) else {"": whole}


def _settings(file: Path, section: Mapping[str, Any]) -> Settings:
    if not isinstance(section, Mapping):
        raise _wrong(file, f"[{_SECTION}] must be a table.", "write keys below its heading")
    fields = Settings.__struct_encode_fields__
    for key in section:
        if key not in fields:
            raise _wrong(file, f"[{_SECTION}] has no key '{key}'.", did_you_mean(key, fields), key)
    grade = section.get("fail-on")
    if isinstance(grade, str) and grade not in list(Severity):
        known = [each.value for each in Severity]
        raise _wrong(file, f"'{grade}' is no severity.", did_you_mean(grade, known), "fail-on")
    try:
        return msgspec.convert(section, Settings)
    except msgspec.ValidationError as error:
        raise _wrong(file, f"[{_SECTION}]: {error}.", "see the how-to on code review") from error


def _wrong(file: Path, message: str, hint: str, key: str = "") -> SpecError:
    return SpecError(message, code="review.settings", hint=hint, subject=key or _SECTION, file=str(file))


def split_codes(given: Iterable[str]) -> tuple[str, ...]:
    """`LK101,EV` given once or several times."""
    return tuple(part.strip().upper() for text in given for part in text.split(",") if part.strip())


def active(infos: Mapping[str, RuleInfo], settings: Settings) -> frozenset[str]:
    """The codes that are looked for. Raises SpecError (`review.unknown_code`) for a code that names nothing.

    Noisy advice needs `noisy`, or its whole code in `select`.
    """
    select, ignore = split_codes(settings.select), split_codes(settings.ignore)
    for given in (*select, *ignore, *split_codes(c for codes in settings.per_file_ignores.values() for c in codes)):
        if not any(code.startswith(given) for code in infos):
            raise SpecError(
                f"There is no rule '{given}'.",
                code="review.unknown_code",
                hint=did_you_mean(given, infos),
                subject=given,
            )
    found = set()
    for code, info in infos.items():
        wanted = not select or code.startswith(select)
        loud = info.default or settings.noisy or code in select
        if wanted and loud and not (ignore and code.startswith(ignore)):
            found.add(code)
    return frozenset(found)


def left_out(path: str, per_file: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Beginnings of codes that are not looked for in this file."""
    return tuple(
        code for pattern, codes in per_file.items() if excluded(path, [pattern]) for code in split_codes(codes)
    )
