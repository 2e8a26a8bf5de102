"""Keys that callers show at the doors: a fold over the journal. Only a digest of a key is ever kept.

Events: `key.created` and `key.revoked`, both with the subject `key:<id>`.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from modelwright.core.clock import timestamp
from modelwright.core.errors import NotFoundError, StateError, did_you_mean
from modelwright.core.nouns import Event
from modelwright.core.ports import Journal

CREATED = "key.created"
REVOKED = "key.revoked"
#: scope -> what it allows
SCOPES: dict[str, frozenset[str]] = {
    "predict": frozenset({"predict", "explain", "feedback"}),
    "explain": frozenset({"explain"}),
    "feedback": frozenset({"feedback"}),
    "read": frozenset({"read"}),
    "admin": frozenset({"predict", "explain", "feedback", "read", "admin"}),
}
_MARK = "mw"
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}$")
_SPAN = re.compile(r"^([1-9][0-9]{0,5})(s|m|h|d|w)$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a key. `sha256` is of the whole key, of which 256 bits are random: there is nothing to guess."""

    id: str
    name: str
    sha256: str
    scopes: tuple[str, ...]
    created_at: str
    created_by: str
    expires_at: str | None = None  # UTC
    rate_per_minute: int | None = None
    revoked_at: str | None = None

    @property
    def prefix(self) -> str:
        """How the key begins; enough to tell keys apart, too little to use one."""
        return f"{_MARK}_{self.id}_"

    @property
    def allows(self) -> frozenset[str]:
        return frozenset[str]().union(*(SCOPES.get(scope, frozenset()) for scope in self.scopes))

    def live(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or timestamp(now) < self.expires_at)


def create(
    journal: Journal,
    name: str,
    *,
    scopes: Sequence[str],
    now: datetime,
    expires: str | None = None,
    rate_per_minute: int | None = None,
) -> tuple[Key, str]:
    """Append a new key; returns it and its text, which nobody can ask for again.

    `expires` is a span such as 90d. Raises StateError (`key.name`, `key.taken`, `key.scope`, `key.expiry`).
    """
    until = _until(expires, now)
    _check(name, scopes)
    events = list(journal.read())
    known = fold(events)
    if any(key.name == name and key.live(now) for key in known):
        raise StateError(
            f"A live key is named '{name}' already.",
            code="key.taken",
            hint="choose another name, or revoke the old key once nobody uses it",
            subject="key",
        )
    taken = {key.id for key in known}
    identity = next(made for made in iter(lambda: secrets.token_hex(4), "") if made not in taken)
    text = f"{_MARK}_{identity}_{secrets.token_urlsafe(32)}"
    payload = {
        "name": name,
        "sha256": digest(text),
        "scopes": sorted(set(scopes)),
        "expires_at": until,
        "rate_per_minute": rate_per_minute,
    }
    expected = events[-1].sequence if events else 0
    event = journal.append(CREATED, f"key:{identity}", payload, expected=expected)
    return _key(event), text


def revoke(journal: Journal, which: str, *, now: datetime, reason: str = "") -> Key:
    """Revoke a key by its id, the beginning that is shown, or its name; revoking one again changes nothing.

    Raises NotFoundError (`key.unknown`).
    """
    known = fold(journal.read())
    own = [key for key in known if which in (key.id, key.prefix, key.prefix.rstrip("_"))]
    own = own or [key for key in known if key.name == which]
    if not own:
        raise NotFoundError(
            f"There is no key '{which[:80]}'.",
            code="key.unknown",
            hint=did_you_mean(which, [key.name for key in known]) if known else "`modelwright keys create` makes one",
            subject="key",
        )
    live = [key for key in own if key.live(now)]
    if not live:
        return own[-1]
    event = journal.append(REVOKED, f"key:{live[-1].id}", {"reason": reason})
    return msgspec.structs.replace(live[-1], revoked_at=event.at)


def fold(events: Iterable[Event]) -> list[Key]:
    """Every key there ever was, in the order they were made. A revoked key stays revoked, whatever follows."""
    keys: dict[str, Key] = {}
    for event in events:
        identity = event.subject.removeprefix("key:")
        if event.kind == CREATED and identity not in keys:
            keys[identity] = _key(event)
        elif event.kind == REVOKED and identity in keys and keys[identity].revoked_at is None:
            keys[identity] = msgspec.structs.replace(keys[identity], revoked_at=event.at)
    return list(keys.values())


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _key(event: Event) -> Key:
    return Key(
        id=event.subject.removeprefix("key:"),
        name=event.payload["name"],
        sha256=event.payload["sha256"],
        scopes=tuple(event.payload["scopes"]),
        created_at=event.at,
        created_by=event.actor,
        expires_at=event.payload.get("expires_at"),
        rate_per_minute=event.payload.get("rate_per_minute"),
    )


def _check(name: str, scopes: Sequence[str]) -> None:
    if not _NAME.fullmatch(name):
        raise StateError(
            f"'{name[:80]}' cannot name a key.",
            code="key.name",
            hint="use 1 to 64 letters, digits, spaces and . _ @ -, beginning with a letter or digit",
            subject="key",
        )
    for scope in scopes:
        if scope not in SCOPES:
            raise StateError(
                f"There is no scope '{scope[:40]}'.",
                code="key.scope",
                hint=did_you_mean(scope, SCOPES),
                subject="key",
            )
    if not scopes:
        raise StateError(
            "A key without a scope opens nothing.", code="key.scope", hint="say --scope predict", subject="key"
        )


def _until(expires: str | None, now: datetime) -> str | None:
    if expires is None or expires == "never":
        return None
    found = _SPAN.fullmatch(expires)
    if found is None:
        raise StateError(
            f"'{expires[:40]}' is no span of time.",
            code="key.expiry",
            hint="write a number and one of s, m, h, d, w, such as 90d; or never",
            subject="key",
        )
    return timestamp(now + timedelta(**{_UNITS[found[2]]: int(found[1])}))
