"""What personal data look like: forms of values, and names of columns that hold them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

_EMAIL = re.compile(r"^[^@\s]{1,64}@[^@\s]+\.[A-Za-z]{2,}$")
_PHONE = re.compile(r"^\+\d[\d ()./-]{7,18}\d$|^\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}$|^0\d{2,4}[ /-]\d{3,4}[ -]?\d{3,5}$")
_CARD = re.compile(r"^\d{4}([ -]?)\d{4}\1\d{4}\1\d{1,7}$|^3[47]\d{2}([ -]?)\d{6}\2\d{5}$")
#: United States social security, United Kingdom national insurance, Spanish, French and Italian numbers
_NATIONAL = re.compile(
    r"^(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}$|^[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]$|"
    r"^\d{8}-?[TRWAGMYFPDXBNJZSQVHLCKE]$|^[12] ?\d{2} ?(0[1-9]|1[0-2]) ?\d{2} ?\d{3} ?\d{3} ?\d{2}$|"
    r"^[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]$"
)
_IBAN = re.compile(r"^[A-Z]{2}\d{2} ?([A-Z0-9]{4} ?){2,7}[A-Z0-9]{1,4}$")
_STREET = re.compile(
    r"^\d{1,5}[A-Za-z]? [\w' .-]+ (street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|court|ct|way|place|pl|"
    r"square|terrace)\b|^[\w' .-]+(straße|strasse|str\.|weg|platz|allee|gasse) \d{1,4}|"
    r"^\d{1,4},? (rue|avenue|boulevard|place|chemin|via|calle) ",
    re.I,
)
_PERSON = re.compile(
    r"^((mr|mrs|ms|miss|dr|prof)\.? )?[A-ZÀ-Þ][\w'’-]+( [A-ZÀ-Þ]\.?){0,2} (van |von |de |di |la |le |mc)?"
    r"[A-ZÀ-Þ][\w'’-]+$|"
    r"^[A-ZÀ-Þ][\w'’ -]+, ?((mr|mrs|ms|miss|master|dr|rev|col|capt|major|mlle|mme)\.? )?[A-ZÀ-Þ]",
)

#: names of columns whose values are personal whatever they look like, and what they are then called
_NAMES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(^|[_\-. ])e?[_-]?mail([_\-. ]?addr(ess)?)?$", re.I), "e-mail addresses"),
    (re.compile(r"(^|[_\-. ])(ssn|social[_\- ]?security|national[_\- ]?(id|insurance)|nino|passport|tax[_\- ]?id|"
                r"personal[_\- ]?(id|number)|driving[_\- ]?licen[cs]e)([_\-. ]?(no|number|nr))?$", re.I),
     "national identity numbers"),
    (re.compile(r"(^|[_\-. ])(phone|telephone|mobile|cell)([_\-. ]?(no|number|nr))?$", re.I), "telephone numbers"),
    (re.compile(r"(^|[_\-. ])(ip|ip[_\- ]?addr(ess)?)$", re.I), "IP addresses"),
    (re.compile(r"(^|[_\-. ])(street|street[_\- ]?address|home[_\- ]?address|postal[_\- ]?address|address)$", re.I),
     "postal addresses"),
    (re.compile(r"(^|[_\-. ])(first|last|full|middle|given|family|sur|sir|maiden)[_\- ]?name$|^surname$|"
                r"(customer|patient|client|person|employee|applicant|holder|passenger|student)[_\- ]?name$", re.I),
     "names of people"),
)  # fmt: skip
BIRTH_NAME = re.compile(
    r"birth[_\- ]?da(te|y)|date[_\- ]?of[_\- ]?birth|(^|[_\-. ])(dob|born|birthdate)($|[_\-. ])", re.I
)
PERSON_NAME = re.compile(r"(^|[_\-. ])(name|names|author|contact|person|holder|owner|guest)$", re.I)


def named(column: str) -> str:
    """What the column's name says its values are, or empty."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column)
    return next((kind for form, kind in _NAMES if form.search(snake)), "")


def _is_card(value: str) -> bool:
    return bool(_CARD.match(value)) and luhn(value)


def _is_ip(value: str) -> bool:
    if "." not in value and ":" not in value:
        return False
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def _is_iban(value: str) -> bool:
    """ISO 13616: the rearranged number is 1 modulo 97."""
    if not _IBAN.match(value):
        return False
    packed = value.replace(" ", "")
    return int("".join(str(int(letter, 36)) for letter in packed[4:] + packed[:4])) % 97 == 1


#: kind -> test of a value, and the share of values from which the column is one of them. One in ten random digit
#: strings passes the Luhn test: cards need most of the column.
FORMS: tuple[tuple[str, Callable[[str], bool], float], ...] = (
    ("e-mail addresses", lambda value: bool(_EMAIL.match(value)), 0.2),
    ("telephone numbers", lambda value: bool(_PHONE.match(value)), 0.2),
    ("payment card numbers", _is_card, 0.5),
    ("bank account numbers (IBAN)", _is_iban, 0.2),
    ("national identity numbers", lambda value: bool(_NATIONAL.match(value)), 0.3),
    ("IP addresses", _is_ip, 0.5),
    ("postal addresses", lambda value: bool(_STREET.match(value)), 0.3),
)


def is_person(value: str) -> bool:
    """Two or three capitalised words, or `Last, First`: only to be believed of a column that is named so."""
    return bool(_PERSON.match(value))


def luhn(text: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    digits = [int(character) for character in text if character.isdigit()][::-1]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return len(digits) >= 13 and (sum(digits[0::2]) + sum(doubled)) % 10 == 0
