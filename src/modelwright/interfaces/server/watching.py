"""What the journal says while a server runs: which versions are to be live, and which keys open it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from modelwright.core.errors import ModelwrightError
from modelwright.core.nouns import Event
from modelwright.core.ports import Journal
from modelwright.interfaces.server.asked import Asked
from modelwright.interfaces.server.probing import Probes, _Probe
from modelwright.registry import keys, routes, versions
from modelwright.registry.keys import Key
from modelwright.serving.swapping import Place, Wanted

EVERY_S = 0.5
REFUSED = "serving.refused"
_OF_MODELS = (*versions.KINDS, *routes.KINDS)
_OF_KEYS = (keys.CREATED, keys.REVOKED)


class Watch:
    """Reads what is new, probes what is to go live, and says what has changed."""

    def __init__(
        self,
        journal: Journal,
        asked: Asked,
        probes: Probes,
        events: Sequence[Event],
        *,
        announce: Callable[[str], None],
    ) -> None:
        self._journal, self._asked, self._probes, self._announce = journal, asked, probes, announce
        self._events = [event for event in events if event.kind in (*_OF_MODELS, *_OF_KEYS)]
        self._last = events[-1].sequence if events else 0
        self._next = 0.0
        self.keys: list[Key] = keys.fold(self._events)
        self.wanted: list[Wanted] = asked.wanted(self._events)
        self.failing = ""
        self._refused: dict[tuple[str, str], str] = {}
        self._waiting: dict[str, Wanted] = {}
        self._probing: tuple[Wanted, Place, _Probe] | None = None

    @property
    def refused(self) -> list[tuple[str, str]]:
        """Name of the model and why, of what did not go live."""
        return [(name, why) for (name, _), why in self._refused.items()]

    def look(self, now: float) -> tuple[bool, list[Wanted]]:
        """Whether the keys have changed, and the models that are to change now, probed."""
        keys_changed = False
        if now >= self._next:
            self._next = now + EVERY_S
            fresh = self._read()
            kinds = {event.kind for event in fresh}
            if kinds & set(_OF_KEYS):
                self.keys = keys.fold(self._events)
                keys_changed = True
            if kinds & set(_OF_MODELS):
                self._plan()
        return keys_changed, self._probed()

    def _read(self) -> list[Event]:
        try:
            fresh = list(self._journal.read(after=self._last))
        except ModelwrightError as error:
            if not self.failing:
                self._announce(f"the journal cannot be read, what was live stays live: {error.message}")
            self.failing = error.message
            return []
        self.failing = ""
        if fresh:
            self._last = fresh[-1].sequence
            self._events += [event for event in fresh if event.kind in (*_OF_MODELS, *_OF_KEYS)]
        return fresh

    def _plan(self) -> None:
        try:
            wanted = self._asked.wanted(self._events)
        except ModelwrightError as error:  # a version that is not there any more: what is live stays
            self._announce(f"what is live stays live: {error.message}")
            return
        current = {one.name: one for one in self.wanted}
        for one in wanted:
            self._waiting.pop(one.name, None)
            if one != current.get(one.name):
                self._waiting[one.name] = one
        self._refused = {key: why for key, why in self._refused.items() if key[0] not in self._waiting}

    def _probed(self) -> list[Wanted]:
        """Those whose every bundle has passed. Probes run one at a time, in a process of their own."""
        if self._probing is not None:
            wanted, place, probe = self._probing
            try:
                if not probe.done(0.0):
                    return []
            except ModelwrightError as error:
                self._refuse(wanted, place, error)
            self._probing = None
        done: list[Wanted] = []
        for name, wanted in list(self._waiting.items()):
            try:
                missing = next((p for p in wanted.places if not self._probes.passed(Path(p.folder))), None)
                if missing is not None:
                    self._probing = (wanted, missing, self._probes.begin(Path(missing.folder)))
                    break
            except ModelwrightError as error:
                self._refuse(wanted, wanted.places[-1], error)
                continue
            del self._waiting[name]
            self.wanted = [wanted if one.name == name else one for one in self.wanted]
            done.append(wanted)
        return done

    def _refuse(self, wanted: Wanted, place: Place, error: ModelwrightError) -> None:
        self._waiting.pop(wanted.name, None)
        self.refuse(wanted.name, place.version, error.code, error.message)

    def refuse(self, name: str, version: int, code: str, message: str) -> bool:
        """A version did not pass. It is said once, in the log and in the journal; False where it was said before."""
        key = (name, str(version))
        if key in self._refused:
            return False
        self._refused[key] = f"version {version} of '{name}' was refused: {message}"
        self._announce(f"{self._refused[key]} The version that is live stays live.")
        with contextlib.suppress(ModelwrightError):
            payload = {"version": version, "code": code, "reason": message, "at_s": time.time()}
            self._journal.append(REFUSED, f"model:{name}", payload)
        return True


def plain(values: Sequence[msgspec.Struct]) -> list[object]:
    return [msgspec.to_builtins(value) for value in values]
