"""Where answers go: a local file, or an object that is uploaded whole when everything is done."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from modelwright.core import plugins
from modelwright.core.errors import DataError, did_you_mean
from modelwright.lifecycle.scoring import writer_for

_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]*)://", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`path` is local in any case; `publish` brings a finished file to its place and says where that is."""

    shown: str
    path: Path
    quarantine: Path
    remote: Callable[[Path, str], None] | None = None

    @property
    def work(self) -> Path:
        """What is kept until everything is done, so that a killed run can go on."""
        return self.path.with_name(f"{self.path.name}.progress")

    def publish(self, *, quarantined: bool) -> dict[str, str]:
        """The quarantine first: where answers are, nothing about them is missing."""
        places = {"output": self.shown} | ({"quarantine": f"{self.shown}.quarantine.jsonl"} if quarantined else {})
        if self.remote is not None:
            if quarantined:
                self.remote(self.quarantine, places["quarantine"])
                self.quarantine.unlink()
            self.remote(self.path, self.shown)
            self.path.unlink()
        return places


def target_of(output: str, workspace: Path) -> Target:
    """Raises DataError (`output.format`, `output.scheme`)."""
    scheme = _SCHEME.match(output)
    if scheme is None or scheme[1].lower() == "file":
        path = Path(output.split("://", 1)[1] if scheme else output)
        writer_for(path)
        return Target(shown=str(path), path=path, quarantine=path.with_name(f"{path.name}.quarantine.jsonl"))
    stores = plugins.load_all("stores")[0].values()
    for store in stores:
        if scheme[1].lower() in store.schemes and hasattr(store, "send"):
            name = output.rpartition("/")[2]
            writer_for(Path(name))
            folder = workspace / "predict" / sha256(output.encode()).hexdigest()[:16]
            path = folder / name
            return Target(shown=output, path=path, quarantine=folder / f"{name}.quarantine.jsonl", remote=store.send)
    known = sorted(each for store in stores if hasattr(store, "send") for each in store.schemes)
    raise DataError(
        f"Answers cannot be written to '{scheme[1]}://'.",
        code="output.scheme",
        hint=did_you_mean(scheme[1], known),
        subject="output",
    )
