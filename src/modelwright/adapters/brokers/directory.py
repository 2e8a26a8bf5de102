"""A folder as a queue: dir:///absolute/folder, one file for each event; drop a .json file in and it is read."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from modelwright.adapters.brokers._held import Held
from modelwright.adapters.brokers._urls import Place, parse, trouble, wrong
from modelwright.records.ports import Broker, Inlet, Message, Outlet
from modelwright.records.segments import sync_folder

_POLL_S = 0.05
_KEYS, _TAKEN = ".keys", ".taken"
_OWNER = re.compile(r"(\d+)-(\d+)")  # process, and the hundredth of a second in which it began
_LONGEST = 64 << 20


class _Directory:
    schemes = ("dir",)

    def inlet(self, url: str, group: str, start: Mapping[str, int]) -> Inlet:
        return _Inlet(_place(url))

    def outlet(self, url: str) -> Outlet:
        return _Outlet(_place(url))


def _place(url: str) -> Place:
    place = parse(url)
    if place.host or not place.raw_path.strip("/"):
        raise wrong("A folder's address is a path.", "write dir:///absolute/folder", place.shown)
    return place


def _made(place: Place, *below: str) -> Path:
    folder = Path("/", *place.path, *below)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise trouble(place, "opening", error, retryable=False) from error
    return folder


class _Inlet:
    """One consumer group: taking a file moves it to a folder of this process, being done removes it."""

    def __init__(self, place: Place) -> None:
        self._place, self._folder = place, _made(place)
        self._own = _made(place, _TAKEN, _identity())
        self._held = Held()
        self._waiting: Iterator[os.DirEntry[str]] = iter(())

    def take(self, most: int, wait_s: float) -> Sequence[Message]:
        until = time.monotonic() + wait_s
        try:
            while True:
                found = self._held.due(most) or self._claim(most)
                left = until - time.monotonic()
                if found or left <= 0:
                    return found
                time.sleep(min(_POLL_S, left))
        except OSError as error:
            raise trouble(self._place, "reading", error) from error

    def _claim(self, most: int) -> list[Message]:
        found: list[Message] = []
        for entry in self._waiting:
            with contextlib.suppress(FileNotFoundError):  # another consumer was quicker
                position = entry.stat().st_mtime_ns
                Path(entry.path).rename(self._own / entry.name)
                found.append(_read(self._own / entry.name, position))
            if len(found) >= most:
                return found
        self._give_back_of_the_dead()
        with os.scandir(self._folder) as entries:
            files = [each for each in entries if each.name.endswith(".json") and not each.name.startswith(".")]
        self._waiting = iter(sorted(files, key=_age))
        return found or (self._claim(most) if files else [])

    def _give_back_of_the_dead(self) -> None:
        for folder in (self._folder / _TAKEN).iterdir():
            if folder != self._own and _dead(folder.name):
                _give_back(folder, self._folder)

    def done(self, messages: Iterable[Message]) -> None:
        for message in messages:
            message.handle.unlink(missing_ok=True)

    def again(self, message: Message, delay_s: float) -> None:
        self._held.push(message, delay_s)

    def lag(self) -> int | None:
        with os.scandir(self._folder) as entries:
            waiting = sum(each.name.endswith(".json") for each in entries)
        return waiting + sum(1 for _ in self._own.iterdir())

    def close(self) -> None:
        with contextlib.suppress(OSError):
            _give_back(self._own, self._folder)


def _age(entry: os.DirEntry[str]) -> tuple[int, str]:
    try:
        return entry.stat().st_mtime_ns, entry.name
    except FileNotFoundError:
        return 0, entry.name


def _give_back(folder: Path, to: Path) -> None:
    for file in list(folder.iterdir()):
        with contextlib.suppress(FileNotFoundError):
            file.rename(to / file.name)
    with contextlib.suppress(OSError):
        folder.rmdir()


def _read(path: Path, position: int) -> Message:
    """A file of ours says its key and headers in its name's neighbour line; any other is a bare event."""
    content = path.read_bytes() if path.stat().st_size <= _LONGEST else b""
    key, headers = path.stem, dict[str, str]()
    first, mark, rest = content.partition(b"\n")
    if mark and first.startswith(b'{"modelwright":'):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            found = json.loads(first)["modelwright"]
            key, headers, content = str(found["key"]), dict(found["headers"]), rest
    return Message(key=key, body=content, partition=path.parent.name, position=position, headers=headers, handle=path)


def _identity() -> str:
    import psutil

    return f"{os.getpid()}-{round(psutil.Process().create_time() * 100)}"


def _dead(owner: str) -> bool:
    import psutil

    found = _OWNER.fullmatch(owner)
    if found is None:
        return False
    try:
        process = psutil.Process(int(found[1]))
        gone = str(round(process.create_time() * 100)) != found[2]
        return gone or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class _Outlet:
    """A key that was sent before adds nothing: its mark in `.keys` is a second name of the same file."""

    def __init__(self, place: Place) -> None:
        self._place, self._folder, self._keys = place, _made(place), _made(place, _KEYS)

    def send(self, messages: Sequence[Message]) -> None:
        try:
            for message in messages:
                self._write(message)
            for folder in (self._folder, self._keys):
                sync_folder(folder)
        except OSError as error:
            raise trouble(self._place, "writing", error) from error

    def _write(self, message: Message) -> None:
        key = message.key or os.urandom(16).hex()
        name = sha256(key.encode()).hexdigest()[:40]
        mark = self._keys / name
        if mark.exists():
            return
        draft = self._keys / f".{name}.{os.getpid()}"
        head = json.dumps({"modelwright": {"key": key, "headers": message.headers}}).encode()
        with draft.open("wb") as handle:
            handle.write(head + b"\n" + message.body)
            handle.flush()
            os.fsync(handle.fileno())
        for target in (self._folder / f"{name}.json", mark):
            with contextlib.suppress(FileExistsError):
                target.hardlink_to(draft)
        draft.unlink()

    def close(self) -> None:
        """Nothing is held open."""


PLUGIN: Broker = _Directory()
