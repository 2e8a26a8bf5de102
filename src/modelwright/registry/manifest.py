"""The manifest: what a bundle holds, where it came from, and the evidence that its scorers agree."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec

from modelwright.core.digests import canonical_json
from modelwright.core.errors import ModelError
from modelwright.core.nouns import Estimate, Noun, Signature, Verdict

FORMAT = "modelwright.bundle"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 32 << 20
MAX_FILE_BYTES = 4 << 30
MAX_FILES = 2_000
_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}){0,3}$")
_SHA256 = re.compile(r"^[0-9a-f]{64}$")


class FileEntry(Noun, frozen=True, kw_only=True):
    sha256: str
    size_bytes: int


class ScorerEvidence(Noun, frozen=True, kw_only=True):
    """What the parity gate saw of one scorer. Timings are not here: equal runs must give equal bundles."""

    passed: bool
    reason: str = ""  # why refused
    rows_tried: int = 0
    rows_by_kind: dict[str, int] = {}
    worst_difference: float | None = None
    decision_flips: int = 0
    #: rows where both sides are within 1e-9 of the threshold and fall on different sides of it
    ties: int = 0


class Scorers(Noun, frozen=True, kw_only=True):
    chosen: str
    tolerance: float
    evidence: dict[str, ScorerEvidence]
    #: a row's answer depends on the rows around it (windows): there is no single-row call
    batch_only: bool = False
    #: input tensor of each column in model.onnx
    onnx_inputs: dict[str, str] = {}


class Manifest(Noun, frozen=True, kw_only=True):
    format: str
    format_version: int
    name: str
    files: dict[str, FileEntry]
    signature: Signature
    scorers: Scorers
    metrics: dict[str, dict[str, Estimate]]
    verdict: Verdict | None
    data_digest: str
    commit: str
    lock_digest: str
    versions: dict[str, str]
    golden_rows: int
    notes: tuple[str, ...] = ()
    parent: str = ""  # digest of the bundle this one was retrained from


def encode(manifest: Manifest) -> bytes:
    return canonical_json(manifest)


def digest_of_manifest(content: bytes) -> str:
    """The name of a bundle: SHA-256 of its manifest, which names the SHA-256 of everything else."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def decode(content: bytes) -> Manifest:
    """Parse strictly. Raises ModelError (`bundle.manifest`, `bundle.format`)."""
    try:
        head: Any = msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise refused("manifest", f"the manifest is not JSON ({error})", MANIFEST) from error
    except RecursionError as error:
        raise refused("manifest", "the manifest is nested too deep", MANIFEST) from error
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise refused("format", "the manifest is not that of a Modelwright bundle", MANIFEST)
    if head.get("format_version") != FORMAT_VERSION:
        version = str(head.get("format_version"))[:20]
        raise refused("format", f"its format version is {version} and this program reads {FORMAT_VERSION}", MANIFEST)
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except msgspec.ValidationError as error:
        raise refused("manifest", f"the manifest does not fit its schema ({error})", MANIFEST) from error
    _check(manifest, content)
    return manifest


def _check(manifest: Manifest, content: bytes) -> None:
    if canonical_json(manifest) != content:
        raise refused("manifest", "the manifest is not in canonical form", MANIFEST)
    if len(manifest.files) > MAX_FILES:
        raise refused("manifest", f"the manifest lists more than {MAX_FILES:,} files", MANIFEST)
    folded: set[str] = set()
    for name, entry in manifest.files.items():
        if not _NAME.fullmatch(name) or ".." in name or name == MANIFEST:
            raise refused("name", f"the manifest lists the file name {name[:100]!r}, which is not allowed", MANIFEST)
        if name.casefold() in folded:
            raise refused("name", f"the manifest lists {name} twice, in different case", MANIFEST)
        folded.add(name.casefold())
        if not _SHA256.fullmatch(entry.sha256) or not 0 <= entry.size_bytes <= MAX_FILE_BYTES:
            raise refused("manifest", f"the manifest's entry of {name} is not a digest and a size", name)


def refused(code: str, why: str, name: str = "") -> ModelError:
    """The one shape of every refusal of a bundle."""
    return ModelError(
        f"The bundle is refused: {why}.",
        code=f"bundle.{code}",
        hint="fetch the bundle again from where it was written, or package the model again",
        subject=f"file:{name}" if name else "bundle",
    )
