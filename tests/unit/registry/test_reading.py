"""Reading a bundle: only what the manifest names, only as it was written."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from modelwright.core.digests import canonical_json
from modelwright.core.errors import ModelError, NotFoundError
from modelwright.core.nouns import Signature, Task
from modelwright.registry.manifest import FORMAT, FORMAT_VERSION, FileEntry, Manifest, Scorers, encode
from modelwright.registry.reading import read_verified

FILES = {"model/model.json": b"{}", "golden.json": b"[]", "card.md": b""}


def manifest_of(files: dict[str, bytes]) -> Manifest:
    return Manifest(
        format=FORMAT,
        format_version=FORMAT_VERSION,
        name="m",
        files={
            name: FileEntry(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
            for name, data in files.items()
        },
        signature=Signature(inputs=(), task=Task.REGRESSION),
        scorers=Scorers(chosen="reference", tolerance=1e-6, evidence={}),
        metrics={},
        verdict=None,
        data_digest="",
        commit="",
        lock_digest="",
        versions={},
        golden_rows=0,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "bundle"
    for name, data in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    (root / "manifest.json").write_bytes(encode(manifest_of(FILES)))
    return root


def refusal(folder: Path, **options: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        read_verified(folder, **options)
    assert caught.value.code.startswith("bundle.")
    assert "\n" not in caught.value.message
    assert str(folder) not in caught.value.message
    return caught.value


def test_an_untouched_bundle_is_read_whole(folder: Path) -> None:
    found = read_verified(folder)
    assert found.files == FILES
    assert found.under("model") == {"model.json": b"{}"}
    assert found.digest == "sha256:" + hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    assert read_verified(folder, expected=found.digest).files == FILES


def test_a_flipped_bit_in_any_file_is_named(folder: Path) -> None:
    for name in ("model/model.json", "golden.json"):
        data = bytearray((folder / name).read_bytes())
        data[0] ^= 1
        (folder / name).write_bytes(data)
        assert name in refusal(folder).message
        data[0] ^= 1
        (folder / name).write_bytes(data)


def test_longer_shorter_missing_renamed_and_extra_files_are_named(folder: Path) -> None:
    (folder / "card.md").write_bytes(b"x")
    assert "card.md" in refusal(folder).message
    (folder / "card.md").unlink()
    assert refusal(folder).code == "bundle.missing_file"
    (folder / "card.md").write_bytes(b"")
    (folder / "model" / "extra.py").write_text("print()")
    assert refusal(folder).subject == "file:model/extra.py"
    (folder / "model" / "extra.py").unlink()
    (folder / "golden.json").rename(folder / "golden2.json")
    assert "golden2.json" in refusal(folder).message
    (folder / "golden2.json").rename(folder / "golden.json")
    (folder / "empty").mkdir()
    assert refusal(folder).code == "bundle.extra_file"


def test_links_pipes_and_second_names_are_refused(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"[]")
    (folder / "golden.json").unlink()
    (folder / "golden.json").symlink_to(outside)
    assert refusal(folder).code == "bundle.link"
    (folder / "golden.json").unlink()
    os.link(outside, folder / "golden.json")
    assert "hard link" in refusal(folder).message
    (folder / "golden.json").unlink()
    os.mkfifo(folder / "golden.json")
    assert refusal(folder).code == "bundle.link"
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert refusal(link).code == "bundle.folder"


@pytest.mark.parametrize(
    "name", ["../outside", "/etc/passwd", "a\\b", "model/../x", ".hidden", "a/b/c/d/e", "manifest.json", "x\u202ey", ""]
)
def test_names_that_lead_elsewhere_are_refused(folder: Path, name: str) -> None:
    (folder / "manifest.json").write_bytes(encode(manifest_of({**FILES, name: b""})))
    assert refusal(folder).code == "bundle.name"


def test_names_that_differ_in_case_only_are_refused(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(encode(manifest_of({**FILES, "Card.md": b""})))
    assert "twice" in refusal(folder).message


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (lambda m: m | {"format_version": 99}, "bundle.format"),
        (lambda m: m | {"format": "zip"}, "bundle.format"),
        (lambda m: m | {"surprise": 1}, "bundle.manifest"),
        (lambda m: {key: value for key, value in m.items() if key != "files"}, "bundle.manifest"),
        (lambda m: m | {"files": {"card.md": {"sha256": "x", "size_bytes": 0}}}, "bundle.manifest"),
        (lambda m: m | {"files": {"card.md": {"sha256": "0" * 64, "size_bytes": -1}}}, "bundle.manifest"),
        (lambda m: m | {"files": {"card.md": {"sha256": "0" * 64, "size_bytes": 2**60}}}, "bundle.manifest"),
        (lambda m: [m], "bundle.format"),
    ],
)
def test_manifests_that_do_not_fit_are_refused(folder: Path, edit: Any, code: str) -> None:
    plain = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_bytes(canonical_json(edit(plain)))
    assert refusal(folder).code == code


@pytest.mark.parametrize("content", [b"", b"{", b"\x80\x04.", b"[" * 200_000, b"null", b'{"format": NaN}'])
def test_what_is_no_manifest_is_refused(folder: Path, content: bytes) -> None:
    (folder / "manifest.json").write_bytes(content)
    assert refusal(folder).code in ("bundle.manifest", "bundle.format")


def test_a_manifest_written_differently_is_refused(folder: Path) -> None:
    plain = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_text(json.dumps(plain, indent=1))
    assert "canonical" in refusal(folder).message


def test_another_bundle_than_expected_is_refused(folder: Path) -> None:
    assert refusal(folder, expected="sha256:" + "0" * 64).code == "bundle.digest"


def test_no_bundle_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_verified(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    assert refusal(tmp_path / "empty").code == "bundle.missing_file"
