"""One core of another machine: keeps the bench in a folder of its own and runs units in a worker process beside it.

A cluster's own processes carry messages only. The fit itself happens in the same worker process, under the same
supervision, as on the machine that plans; that is why it gives the same bytes. Messages are bytes (JSON or MessagePack
of the structs below), and what a unit leaves behind travels as the plain files that it is made of.
"""

from __future__ import annotations

import platform
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import msgspec
import psutil

from modelwright._version import VERSION
from modelwright.core.digests import canonical_json, digest, digest_of
from modelwright.core.nouns import Noun
from modelwright.training.pool import Pool
from modelwright.training.units import Job, Unit, UnitStore

#: files of a bench, as `bench.lay` writes them
BENCH_FILES = ("job.json", "development.arrow", "y.npy", "folds.npz")
#: files of a finished unit: nothing else is taken from another machine
_UNIT_FILE = re.compile(r"[a-z][a-z0-9_-]{0,40}\.(npy|json|txt|safetensors)")
#: what fits depend on besides our own code; a package that is nowhere installed is no difference
_PACKAGES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "polars",
    "lightgbm",
    "xgboost",
    "xgboost-cpu",
    "catboost",
    "interpret-core",
    "msgspec",
    "safetensors",
)


class Work(Noun, frozen=True, kw_only=True):
    """A unit with what it needs besides the bench."""

    bench: str  # name of the bench by content
    unit: Unit
    key: str
    #: the user's own modules, path relative to the pipeline's folder -> text
    code: dict[str, bytes] = {}


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """How a unit ended, and its folder when it is finished."""

    reason: str = ""
    message: str = ""
    files: dict[str, bytes] = {}


@lru_cache(maxsize=1)
def facts() -> dict[str, str]:
    """What must be the same on two machines for their fits to be the same."""
    package = Path(__file__).parents[1]
    files = {file.relative_to(package).as_posix(): digest(file.read_bytes()) for file in package.rglob("*.py")}
    found = {"modelwright": VERSION, "the code of modelwright": digest_of(files), "python": platform.python_version()}
    found["the processor's kind"] = platform.machine()
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def adopt(store: UnitStore, key: str, files: Mapping[str, bytes]) -> None:
    """Put a finished unit that came over the wire into the store, whole or not at all. Raises ValueError on a file
    that no unit has, OSError when it cannot be written."""
    for name in files:
        if not _UNIT_FILE.fullmatch(name):
            raise ValueError(f"'{name[:60]}' is no file of a unit")
    store.root.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=store.root, prefix=".draft-"))
    try:
        for name, content in files.items():
            (draft / name).write_bytes(content)
        if store.result(key) is None:
            store.discard(key)
            draft.replace(store.root / key)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


class Station:
    """Lives in a process of the cluster. `memory_share`: share of its machine's memory for one unit; `root`: where its
    folder is made, empty for the machine's temporary folder."""

    def __init__(self, memory_share: float, root: str = "") -> None:
        self._place = Path(tempfile.mkdtemp(prefix="modelwright-station-", dir=root or None))
        self._share = memory_share
        self._bench = ""
        self._pool: Pool | None = None

    def facts(self) -> bytes:
        return msgspec.json.encode(facts())

    def run(self, work: bytes, fetch: Callable[[], Mapping[str, bytes]]) -> bytes:
        """Do a unit; `fetch` brings the files of its bench and is called only when they are not here yet."""
        order = msgspec.msgpack.decode(work, type=Work)
        if order.bench != self._bench:
            self._lay(order.bench, fetch())
        self._write_code(order.code)
        pool = self._at_work()
        pool.submit(order.unit)
        found = pool.poll(1.0)
        while not found:
            found = pool.poll(1.0)
        if found[0].reason:
            return msgspec.msgpack.encode(Reply(reason=found[0].reason, message=found[0].message))
        store = UnitStore(self._place / "units")
        files = {file.name: file.read_bytes() for file in sorted((store.root / order.key).iterdir())}
        store.discard(order.key)
        return msgspec.msgpack.encode(Reply(files=files))

    def leave(self) -> None:
        """End the worker process and remove every file."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()
        shutil.rmtree(self._place, ignore_errors=True)

    # ------------------------------------------------------------ inside

    @property
    def _folder(self) -> Path:
        return self._place / "bench"

    @property
    def _code(self) -> Path:
        return self._place / "code"

    def _lay(self, name: str, files: Mapping[str, bytes]) -> None:
        """The bench's files, with the folder of the user's code where it is here: that is no part of any key."""
        if self._pool is not None:
            self._pool.close()  # its worker may have mapped the table that goes away
            self._pool = None
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        for file in BENCH_FILES:
            if file in files:
                (self._folder / file).write_bytes(files[file])
        job = msgspec.json.decode(files["job.json"], type=Job)
        job = msgspec.structs.replace(job, base_dir=str(self._code))
        (self._folder / "job.json").write_bytes(canonical_json(job))
        self._bench = name

    def _write_code(self, code: Mapping[str, bytes]) -> None:
        self._code.mkdir(exist_ok=True)
        for name, text in code.items():
            file = (self._code / name).resolve()
            if not file.is_relative_to(self._code.resolve()):
                raise ValueError(f"'{name[:60]}' lies outside the pipeline's folder")
            if not file.exists() or file.read_bytes() != text:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(text)

    def _at_work(self) -> Pool:
        if self._pool is None:
            memory_bytes = int(self._share * psutil.virtual_memory().total)
            self._pool = Pool(folder=self._folder, limit=1, memory_bytes=memory_bytes, base_dir=self._code)
        return self._pool
