"""Saved models, bundles and training configurations: told from a name, the first bytes and words, never loaded."""

from __future__ import annotations

import json
import re
from pathlib import Path

from modelwright.core.nouns import Noun

_HEAD_BYTES = 4_096
_HEADER_BYTES = 10_000_000  # a safetensors header says how long it is; more than this is no header
_CONFIG_BYTES = 1_000_000
_NAMED = 6
#: ending -> format, and whether loading it may run somebody's code
ARTEFACTS = {
    ".pkl": ("pickle", True), ".pickle": ("pickle", True), ".joblib": ("joblib", True), ".sav": ("pickle", True),
    ".dill": ("dill", True), ".cloudpickle": ("cloudpickle", True), ".pt": ("torch", True), ".pth": ("torch", True),
    ".ckpt": ("checkpoint", True), ".onnx": ("onnx", False), ".h5": ("hdf5", False), ".hdf5": ("hdf5", False),
    ".keras": ("keras", True), ".safetensors": ("safetensors", False), ".tflite": ("tflite", False),
    ".cbm": ("catboost", False), ".ubj": ("xgboost", False), ".bst": ("xgboost", False), ".gguf": ("gguf", False),
    ".mlmodel": ("coreml", False), ".mlpackage": ("coreml", False), ".engine": ("tensorrt", False),
    ".npz": ("numpy", False), ".skops": ("skops", False),
}  # fmt: skip
CONFIG_ENDINGS = (".yaml", ".yml", ".toml", ".json")
_CONFIG_WORDS = re.compile(
    r"""(?mi)^[ \t]*["']?(learning_rate|lr|n_estimators|max_depth|epochs?|num_train_epochs|batch_size"""
    r"""|per_device_train_\w+"""
    r"""|optimizer|early_stopping\w*|num_leaves|test_size|cv_folds|loss|metrics?|objective|max_steps|weight_decay)["']?\s*[:=]"""
)
_OURS = re.compile(r"(?m)^data:\s*$[\s\S]*^features:\s*$")


class Item(Noun, frozen=True, kw_only=True):
    """One thing that was found."""

    path: str
    kind: str  # training | serving | notebook | model code | test | configuration | artefact | bundle
    what: str  # one sentence
    estimators: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    format: str = ""
    size_bytes: int | None = None
    #: loading it may run code that its writer chose
    runs_code_on_load: bool = False


def artefact(file: Path, name: str, form: str, runs: bool) -> Item:
    with file.open("rb") as handle:
        head = handle.read(_HEAD_BYTES)
    form, runs, told = _by_content(file, head, form, runs)
    said = f"A saved model or data ({form})" + (f", {told}" if told else "")
    warning = "; loading it may run code that its writer chose" if runs else ""
    return Item(
        path=name,
        kind="artefact",
        what=f"{said}{warning}.",
        format=form,
        size_bytes=file.stat().st_size,
        runs_code_on_load=runs,
    )


def _by_content(file: Path, head: bytes, form: str, runs: bool) -> tuple[str, bool, str]:
    """What the first bytes say against the name."""
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05":
        return ("pickle" if form not in ("joblib", "dill", "cloudpickle") else form), True, f"protocol {head[1]}"
    if head[:8] == b"\x89HDF\r\n\x1a\n":
        return "hdf5", runs, ""
    if head[:4] == b"PK\x03\x04" and form in ("torch", "checkpoint"):
        return "torch", True, "zip archive"
    if head[:4] == b"GGUF":
        return "gguf", False, ""
    if form == "safetensors":
        return form, False, _tensors(file, head)
    if b"version https://git-lfs" in head[:200]:
        return form, runs, "only a pointer of Git LFS"
    return form, runs, "" if head else "empty"


def _tensors(file: Path, head: bytes) -> str:
    size = int.from_bytes(head[:8], "little")
    if not 2 <= size <= _HEADER_BYTES:
        return "its header is broken"
    try:
        with file.open("rb") as handle:
            handle.seek(8)
            header = json.loads(handle.read(size))
        return f"{len(header) - ('__metadata__' in header)} tensors"
    except (ValueError, TypeError, RecursionError):
        return "its header is broken"


def config(file: Path, name: str) -> Item | None:
    if file.stat().st_size > _CONFIG_BYTES:
        return None
    text = file.read_bytes().decode("utf-8", "replace")
    if _OURS.search(text) and file.suffix in (".yaml", ".yml"):
        return Item(path=name, kind="configuration", what="A pipeline file of Modelwright.", format="pipeline.yaml")
    words = list(dict.fromkeys(match[1] for match in _CONFIG_WORDS.finditer(text)))
    if len(words) < 2:
        return None
    return Item(
        path=name,
        kind="configuration",
        what=f"Settings of a training: {', '.join(words[:_NAMED])}.",
        format=file.suffix[1:],
    )


def is_bundle(file: Path) -> bool:
    return file.name == "manifest.json" and (file.parent / "model" / "model.json").exists()


def bundle(file: Path, name: str) -> Item:
    """What the manifest says of a folder; nothing else of it is read."""
    try:
        manifest = json.loads(file.read_bytes()[:_HEADER_BYTES])
    except (ValueError, RecursionError):
        manifest = None
    known = manifest if isinstance(manifest, dict) else {}
    signature = known.get("signature")
    signature = signature if isinstance(signature, dict) else {}
    told = [str(value) for value in (known.get("name"), signature.get("task"), signature.get("target")) if value]
    return Item(
        path=Path(name).parent.as_posix(),
        kind="bundle",
        what=f"A bundle of Modelwright ({', '.join(told) or 'its manifest cannot be read'}).",
        format="modelwright.bundle",
    )
