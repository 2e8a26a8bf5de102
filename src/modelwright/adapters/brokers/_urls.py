"""What the brokers have in common: addresses without secrets, options by allow-list, errors in one sentence."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from modelwright.core.errors import AdapterError, SpecError, did_you_mean

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,47}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A broker's address, taken apart."""

    scheme: str
    hosts: tuple[tuple[str, int], ...]
    path: tuple[str, ...]
    user: str = ""
    name: str = ""  # behind `#`
    raw_path: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    password: str = field(default="", repr=False)

    @property
    def host(self) -> str:
        return self.hosts[0][0]

    @property
    def port(self) -> int:
        return self.hosts[0][1]

    @property
    def shown(self) -> str:
        """Without user, password and options, any of which may be secret."""
        hosts = ",".join(f"{host}:{port}" if port else host for host, port in self.hosts)
        return f"{self.scheme}://{hosts}{self.raw_path}" + (f"#{self.name}" if self.name else "")

    def seconds(self, name: str, default: float) -> float:
        text = self.options.get(name, "")
        try:
            value = float(text) if text else default
        except ValueError:
            value = -1.0
        if not 0 < value <= 86_400:
            raise wrong(f"{name}={text} is no number of seconds.", f"write {name}={default:g}", self.shown)
        return value


def parse(url: str, *, port: int = 0, options: tuple[str, ...] = ()) -> Place:
    """Take a broker's URL apart; `${NAME}` in it is read from the environment.

    Raises SpecError (`stream.url`) on options beyond the given ones: some drivers take dangerous ones.
    """
    split = urlsplit(_VARIABLE.sub(_from_environment, url))
    credentials, _, hosts = split.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    try:
        found = tuple(_host(each, port) for each in hosts.split(","))
    except ValueError:
        raise wrong("A port in the address is no number.", "write scheme://host:port/...", split.scheme) from None
    place = Place(
        scheme=split.scheme.lower(),
        hosts=found,
        path=tuple(unquote(part) for part in split.path.split("/") if part),
        user=unquote(user),
        password=unquote(password),
        name=unquote(split.fragment),
        raw_path=split.path,
        options=dict(parse_qsl(split.query, keep_blank_values=True)),
    )
    for name in place.options:
        if name not in options:
            hint = did_you_mean(name, options) if options else "leave out everything behind the question mark"
            raise wrong(f"'{name}' is no option of {place.scheme}://.", hint, place.shown)
    return place


def _from_environment(match: re.Match[str]) -> str:
    value = os.environ.get(match[1])
    if value is None:
        raise wrong(f"The variable {match[1]} is not set.", f"export {match[1]}=... first", match[1])
    from urllib.parse import quote

    return quote(value, safe="")


def _host(text: str, port: int) -> tuple[str, int]:
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, int(rest[1:]) if rest else port
    host, mark, number = text.partition(":")
    return host, int(number) if mark else port


def named(place: Place, default: str = "queue") -> str:
    """The table behind `#`, which becomes part of statements and so may hold letters, digits and `_` only."""
    name = place.name or default
    if not _NAME.fullmatch(name):
        raise wrong(
            f"'{name[:60]}' is no name for a queue.",
            "use letters, digits and _, 48 at most, no digit first",
            place.shown,
        )
    return name


def wrong(message: str, hint: str, subject: str) -> SpecError:
    return SpecError(message, code="stream.url", hint=hint, subject=subject)


def trouble(place: Place, doing: str, error: BaseException, *, retryable: bool = True) -> AdapterError:
    """A library's own error, without the password that it may repeat."""
    reason = (str(error).strip().splitlines() or [""])[0][:200] or type(error).__name__
    for secret in (place.password, place.user if not place.password else ""):
        if secret:
            reason = reason.replace(secret, "***")
    return AdapterError(
        f"{place.shown}: {doing} failed: {reason.rstrip('.')}.",
        code="stream.broker",
        hint="check that the broker runs, and the address, user and rights",
        subject=place.shown,
        retryable=retryable,
    )
