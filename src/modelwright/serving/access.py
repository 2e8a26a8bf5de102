"""Who may ask what, how often: keys found by their digest, rates kept in memory that all workers share.

A key is 256 random bits, so finding it by its SHA-256 gives nothing away: whoever can make two digests share a
beginning has solved a harder problem than guessing the key. Keys that were seen are found by their text, in a small
table that a change of the keys empties.
"""

from __future__ import annotations

import hashlib
import mmap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from modelwright.core.clock import timestamp
from modelwright.registry.keys import Key
from modelwright.serving.asking import Refused

_SEEN = 4_096  # keys found by their text
_RATES = 4_096  # keys whose rate is kept in shared memory
#: a key may ask for this long at once what its rate gives for this long
_BURST_S = 10.0


class Rates:
    """When each key may ask again: one number a key in memory that the workers share (generic cell rate algorithm,
    ITU-T I.371). Two workers that write at the same moment may let one request more through, never one less."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _RATES * 8)
        self._due = memoryview(self._memory).cast("d")

    def take(self, place: int, step_s: float, now: float) -> float:
        """Take one request or row: 0, or for how many seconds the key has to wait."""
        due = self._due[place]
        if due < now:
            due = now
        wait = due - now - max(_BURST_S - step_s, 0.0)
        if wait > 1e-9:
            return wait
        self._due[place] = due + step_s
        return 0.0

    def owe(self, place: int, time_s: float, now: float) -> None:
        """Take what nobody could refuse any more; whoever asks next waits for it."""
        self._due[place] = max(self._due[place], now) + time_s

    def forget(self, place: int) -> None:
        self._due[place] = 0.0


@dataclass(slots=True)
class Caller:
    """Who asks. `id` stands in the log; never the key itself."""

    id: str
    allows: frozenset[str] = frozenset()
    step_s: float = 0.0  # between two rows, each in a request of its own; 0 for as many as it likes
    place: int = 0  # in the shared rates
    ends: float = float("inf")  # time.monotonic() at which the key expires


ANYBODY = Caller(id="")


class Access:
    """The keys as they are now. `set_keys` is called whenever the journal says something new of them.

    A key is asked for beyond loopback, and everywhere once a first one was made; never with `open_to_all`.
    """

    def __init__(
        self,
        rates: Rates,
        *,
        beyond_loopback: bool = False,
        open_to_all: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._beyond, self._open = beyond_loopback, open_to_all
        self.required = beyond_loopback and not open_to_all
        self._rates, self._now, self._clock = rates, now, clock
        self._known: dict[str, Caller] = {}
        self._seen: dict[str, Caller] = {}

    def set_keys(self, keys: Sequence[Key]) -> None:
        """Every key ever made; what is not live is refused from now on."""
        now, clock = self._now(), self._clock()
        known: dict[str, Caller] = {}
        for order, key in enumerate(keys):
            if key.live(now):
                step = 60.0 / key.rate_per_minute if key.rate_per_minute else 0.0
                ends = clock + _left_s(key, now)
                known[key.sha256] = Caller(key.id, key.allows, step, order % _RATES, ends)
        self.required = not self._open and (self._beyond or bool(keys))
        self._known = known
        self._seen = {}

    def check(self, key: str | None, scope: str, client: str) -> Caller:
        """Raises Refused: key.missing, key.unknown, key.scope, key.rate."""
        if scope == "open":
            return ANYBODY
        if key is None:
            if not self.required:
                return ANYBODY
            raise Refused(
                "This needs a key.",
                code="key.missing",
                hint="send it as `Authorization: Bearer KEY`; `modelwright keys create` makes one",
            )
        caller = self._seen.get(key) or self._find(key)
        clock = self._clock()
        if clock >= caller.ends:
            raise Refused("This key has expired.", code="key.unknown", hint="`modelwright keys create` makes one")
        if scope not in caller.allows:
            raise Refused(f"This key may not {scope}.", code="key.scope", hint=f"make one with --scope {scope}")
        if caller.step_s:
            wait = self._rates.take(caller.place, caller.step_s, clock)
            if wait:
                raise Refused(
                    "This key asks more often than it may.",
                    code="key.rate",
                    hint="wait as long as Retry-After says",
                    retry_after_s=wait,
                )
        return caller

    def charge(self, caller: Caller, rows: int) -> None:
        """Count a request by its rows, the first of which `check` has taken. How many there are is known once they
        are answered, so what is beyond the rate is owed by the requests that come after."""
        if caller.step_s and rows > 1:
            self._rates.owe(caller.place, caller.step_s * (rows - 1), self._clock())

    def _find(self, key: str) -> Caller:
        found = self._known.get(hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest())
        if found is None:
            if not self.required and not self._known:
                return ANYBODY_WITH_KEY
            raise Refused(
                "This key is not known, or not any more.",
                code="key.unknown",
                hint="`modelwright keys list` shows which ones are live",
            )
        if len(self._seen) >= _SEEN:
            self._seen = {}
        self._seen[key] = found
        return found


#: a key shown where none is asked for: what it says cannot be checked, and nothing depends on it
ANYBODY_WITH_KEY = Caller(id="", allows=frozenset({"open", "predict", "explain", "feedback", "read", "admin"}))


def _left_s(key: Key, now: datetime) -> float:
    if key.expires_at is None:
        return float("inf")
    return max(0.0, (datetime.fromisoformat(key.expires_at) - datetime.fromisoformat(timestamp(now))).total_seconds())
