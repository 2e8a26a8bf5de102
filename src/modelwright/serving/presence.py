"""What each process that serves says of itself, in a file that lives as long as the process: who follows, and which
versions answer now.

One file per process in WORKSPACE/serving/live, under an exclusive lock that dies with it. A file without a lock was
left by a process that was killed, and the next reader removes it. Nobody needs a key or a port to ask.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from modelwright.serving.door import Opening

_FOLDER = ("serving", "live")


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    pid: int
    server: int  # the supervisor's process
    door: str
    url: str
    follows: tuple[str, ...]  # models whose champion and route it follows
    config: str = ""
    live: dict[str, tuple[int, ...]] = {}
    #: digests of the bundles it holds in memory, each of which has answered its golden rows there
    loaded: dict[str, tuple[str, ...]] = {}
    refused: dict[str, str] = {}


class Sign:
    """The file of this process. Where the workspace cannot be written, nothing is said and serving goes on."""

    def __init__(self, opening: Opening, door: str, url: str) -> None:
        self._folder = opening.workspace.joinpath(*_FOLDER)
        self._path = self._folder / f"{os.getpid()}.json"
        self._descriptor = -1
        self._said = Presence(
            pid=os.getpid(), server=os.getppid(), door=door, url=url, follows=follows(opening.models),
            config="" if opening.config is None else str(opening.config.absolute()),
        )  # fmt: skip

    def say(
        self, live: Mapping[str, tuple[int, ...]], loaded: Mapping[str, tuple[str, ...]], refused: Mapping[str, str]
    ) -> None:
        """Write down what has changed; costs nothing where nothing has."""
        if self._descriptor >= 0 and (self._said.live, self._said.loaded, self._said.refused) == (
            live, loaded, refused,
        ):  # fmt: skip
            return
        self._said = msgspec.structs.replace(self._said, live=dict(live), loaded=dict(loaded), refused=dict(refused))
        with contextlib.suppress(OSError):
            self._write(msgspec.json.encode(self._said))

    def _write(self, content: bytes) -> None:
        """A new locked file takes the place of the last one, so that a reader never sees half of either."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._path.with_suffix(".new")
        descriptor = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(descriptor, content)
            draft.replace(self._path)
        except OSError:
            os.close(descriptor)
            raise
        before, self._descriptor = self._descriptor, descriptor
        if before >= 0:
            os.close(before)

    def end(self) -> None:
        """It answers no new request from now on."""
        if self._descriptor >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1


def follows(models: Iterable[str]) -> tuple[str, ...]:
    """Of what a server was asked for, the names that move with the champion."""
    plain = (text.replace("@", ":", 1).partition(":") for text in models if "/" not in text)
    return tuple(name for name, _, which in plain if which in ("", "champion") and name not in ("run", "latest"))


def present(workspace: Path, name: str | None = None) -> list[Presence]:
    """Every process that serves this workspace now; with a name, those that follow it."""
    found = []
    for path in sorted(workspace.joinpath(*_FOLDER).glob("*.json")):
        said = _read(path)
        if said is not None and (name is None or name in said.follows):
            found.append(said)
    return found


def _read(path: Path) -> Presence | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return msgspec.json.decode(os.read(descriptor, 1 << 20), type=Presence)
        with contextlib.suppress(OSError):
            if path.stat().st_ino == os.fstat(descriptor).st_ino:  # not replaced by a living one in between
                path.unlink()
    except (OSError, msgspec.DecodeError):
        return None
    finally:
        os.close(descriptor)
    return None


def awaited(
    workspace: Path, name: str, version: int, turn: Callable[[], bool]
) -> tuple[list[Presence], list[Presence], str]:
    """Wait until every process that follows `name` answers with this version alone. Returns those that do, those that
    do not (empty but for time running out), and why a server refused. `turn` waits a little; False ends the waiting."""
    while True:
        servers = present(workspace, name)
        lag = [one for one in servers if tuple(one.live.get(name, ())) != (version,)]
        why = next((w for one in lag if (w := one.refused.get(name, "")).startswith(f"version {version} of")), "")
        if not lag or why or not turn():
            return [one for one in servers if one not in lag], lag, why
