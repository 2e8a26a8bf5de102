"""What every bundle promises: refused when touched, refused when hostile, equal when its inputs are equal."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import numpy as safetensors

from modelwright.core.digests import canonical_json
from modelwright.core.errors import ModelError, StateError
from modelwright.core.nouns import Task
from modelwright.registry import bundle, packing, sandbox
from modelwright.registry.manifest import MANIFEST
from tests.unit.registry import bundle_parts as parts


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LightGBM bundle, written once and never changed."""
    folder = tmp_path_factory.mktemp("bundles") / "whole"
    table = parts.mixed()
    bundle.write(folder, parts.contents(parts.model(table, ["lightgbm"], decision_threshold=0.4), table))
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    target = tmp_path / "bundle"
    for file in whole.rglob("*"):
        if file.is_file():
            (target / file.relative_to(whole)).parent.mkdir(parents=True, exist_ok=True)
            (target / file.relative_to(whole)).write_bytes(file.read_bytes())
    return target


def resealed(folder: Path, name: str, content: bytes) -> None:
    """Change a file as an attacker would who also recomputes the manifest."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    (folder / MANIFEST).write_bytes(canonical_json(manifest))


def refusal(folder: Path, **options: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        bundle.load(folder, **options)
    message = caught.value.message
    assert "\n" not in message
    assert "Traceback" not in message
    assert str(folder) not in message
    return caught.value


def trees_file(folder: Path) -> str:
    return next(file.relative_to(folder).as_posix() for file in sorted(folder.rglob("model/member_*")))


def edited(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the stored arrays of the trees as somebody would who knows the format."""
    name = trees_file(folder)
    arrays = safetensors.load(packing.Unpacker({name: (folder / name).read_bytes()}).read(name))
    change(arrays)
    content = safetensors.save({key: np.ascontiguousarray(array) for key, array in arrays.items()})
    resealed(folder, name, zlib.compress(content) if name.endswith(packing.SUFFIX) else content)


def test_a_bundle_loads_through_its_probe_and_answers_by_name(whole: Path) -> None:
    table = parts.mixed()
    loaded = bundle.load(whole)
    frame = table.frame.head(20)
    answers = loaded.predict(frame.select(reversed(frame.columns)).with_columns(extra=1))
    single = [loaded.predict_row(row).probabilities[0, 1] for row in frame.iter_rows(named=True)]  # type: ignore[index]
    assert answers.probabilities is not None
    assert answers.probabilities[:, 1].tolist() == pytest.approx(single, abs=1e-12)
    written = bundle.predictions_frame(loaded, answers)
    assert written.columns == ["prediction", "probability_no", "probability_yes"]
    with pytest.raises(ModelError, match="'serial'"):
        loaded.predict(frame.drop("serial"))


def test_a_probe_loads_no_library_that_only_training_needs(tmp_path: Path) -> None:
    """Scoring is data and arithmetic: with scikit-learn or pandas every load would cost seconds."""
    table = parts.mixed()
    families = ["lightgbm", "random_forest", "xgboost", "logistic", "mlp", "svm"]
    bundle.write(tmp_path / "bundle", parts.contents(parts.model(table, families), table))
    digest = bundle.load(tmp_path / "bundle", probe=False).digest
    command = [sys.executable, "-I", "-X", "importtime", "-m", "modelwright.registry.probe"]
    limits = [str(sandbox.BASE_MEMORY_BYTES), str(sandbox.CPU_S)]
    done = subprocess.run([*command, str(tmp_path / "bundle"), digest, *limits], capture_output=True, check=True)
    assert json.loads(done.stdout) == {"ok": True}
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.decode().splitlines()}
    assert {"polars", "numpy"} <= loaded
    assert not loaded & {"sklearn", "pandas", "optuna", "scipy", "lightgbm", "xgboost", "catboost", "matplotlib"}


def test_nothing_in_a_bundle_says_when_or_where_it_was_written(whole: Path, tmp_path: Path) -> None:
    table = parts.mixed()
    again = parts.contents(
        parts.model(table, ["lightgbm"], decision_threshold=0.4),
        table,
        choose=bundle.load(whole, probe=False).scorer.name,
    )
    info = bundle.write(tmp_path / "elsewhere" / "again", again)
    assert info.digest == bundle.load(whole, probe=False).digest
    for file in whole.rglob("*"):
        if file.is_file():
            assert str(tmp_path.parents[1]).encode() not in file.read_bytes()


def test_no_row_of_the_data_is_in_a_bundle(whole: Path) -> None:
    table = parts.mixed()
    golden = json.loads((whole / "golden.json").read_bytes())["rows"]
    ours = {(row["number"], row["skewed"], row["serial"]) for row in golden}
    assert ours.isdisjoint(table.frame.select("number", "skewed", "serial").iter_rows())


def test_what_exists_is_not_overwritten_and_a_failure_leaves_nothing(whole: Path, tmp_path: Path) -> None:
    table = parts.mixed()
    made = parts.model(table, ["lightgbm"])
    with pytest.raises(StateError) as caught:
        bundle.write(whole, parts.contents(made, table))
    assert caught.value.code == "bundle.exists"
    with pytest.raises(ModelError):
        bundle.write(tmp_path / "new", parts.contents(made, table, choose="unheard"))
    assert list(tmp_path.iterdir()) == []


def test_a_flipped_bit_anywhere_is_refused(copy: Path) -> None:
    for name in sorted(json.loads((copy / MANIFEST).read_bytes())["files"]):
        data = (copy / name).read_bytes()
        for position in {0, len(data) // 2, len(data) - 1}:
            (copy / name).write_bytes(data[:position] + bytes([data[position] ^ 4]) + data[position + 1 :])
            assert name in refusal(copy, probe=False).message
        (copy / name).write_bytes(data)
    bundle.load(copy, probe=False)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_cut_native_model_is_refused_even_with_a_recomputed_manifest(copy: Path, share: float) -> None:
    name = trees_file(copy)
    data = (copy / name).read_bytes()
    resealed(copy, name, data[: int(len(data) * share)])
    assert refusal(copy, probe=False).code.startswith("bundle.")


@pytest.mark.parametrize(
    ("entry", "number"),
    [
        ("nodes", 0),
        ("nodes", 2**32 - 1),
        ("leaf", 0),
        ("leaf", 255),
        ("split", 65_535),
        ("feature", 250),
    ],
)
def test_edited_trees_are_refused_by_structure(copy: Path, entry: str, number: int) -> None:
    def change(arrays: dict[str, Any]) -> None:
        wide = arrays[entry].astype(np.uint32)
        wide[0] = number
        arrays[entry] = wide.astype(arrays[entry].dtype) if number < 2**16 else wide

    edited(copy, change)
    refusal(copy, probe=False)


def test_edited_leaves_are_caught_by_golden_rows(copy: Path) -> None:
    edited(copy, lambda arrays: arrays.update(value=-arrays["value"]))
    assert "golden" in refusal(copy).message


def test_a_small_file_that_unpacks_to_a_large_one_is_refused(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = trees_file(copy)
    assert name.endswith(packing.SUFFIX)
    monkeypatch.setattr(packing, "MAX_UNPACKED_BYTES", 1 << 20)
    resealed(copy, name, zlib.compress(bytes(2 << 20), 9))
    assert "unpacks to more" in refusal(copy, probe=False).message
    resealed(copy, name, zlib.compress(bytes(2048), 9) + b"more")
    assert "carries something else" in refusal(copy, probe=False).message


@pytest.mark.parametrize("content", [b"", b"\x80\x04\x95\x00.", b"[]", b"[" * 100_000, b'{"format": 1}', b"\x00" * 64])
def test_what_is_no_model_is_refused(copy: Path, content: bytes) -> None:
    resealed(copy, "model/model.json", content)
    assert refusal(copy, probe=False).code.startswith("bundle.")
    resealed(copy, "golden.json", content)
    assert refusal(copy, probe=False).code.startswith("bundle.")


def test_a_model_that_names_another_family_or_part_is_refused(copy: Path) -> None:
    good = json.loads((copy / "model" / "model.json").read_bytes())
    for path, value in (
        ("family", "os"),
        ("family", "../../x"),
        ("features", 7),
        ("weight", -1),
        ("arrays", "no.safetensors"),
    ):
        bad = json.loads(json.dumps(good))
        bad["members"][0][path] = value
        resealed(copy, "model/model.json", canonical_json(bad))
        refusal(copy, probe=False)


def test_a_hostile_graph_is_refused_before_anything_is_probed(copy: Path) -> None:
    if not (copy / "model.onnx").exists():
        pytest.skip("no graph passed the gate")
    resealed(copy, "model.onnx", b"\x80\x04cos\nsystem\n.")
    assert refusal(copy).code == "bundle.graph"


def test_another_signature_or_unearned_evidence_is_refused(copy: Path) -> None:
    manifest = json.loads((copy / MANIFEST).read_bytes())
    for edit in (
        lambda m: m["scorers"].__setitem__("chosen", "fastest"),
        lambda m: m["scorers"]["evidence"][m["scorers"]["chosen"]].__setitem__("passed", False),
        lambda m: m["scorers"]["evidence"][m["scorers"]["chosen"]].__setitem__("decision_flips", 3),
        lambda m: m["signature"]["inputs"].pop(),
        lambda m: m.__setitem__("golden_rows", 1),
    ):
        changed = json.loads(json.dumps(manifest))
        edit(changed)
        (copy / MANIFEST).write_bytes(canonical_json(changed))
        assert refusal(copy, probe=False).code.startswith("bundle.")


def test_the_probe_ends_what_does_not_end_and_says_so(copy: Path) -> None:
    with pytest.raises(ModelError, match="did not end"):
        sandbox.probe(copy, bundle.load(copy, probe=False).digest, 0, timeout_s=0.05)


def test_the_probe_dies_alone_when_memory_runs_out(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "BASE_MEMORY_BYTES", 300 << 20)
    assert refusal(copy).code == "bundle.probe"


def test_the_probe_reads_the_very_bundle_it_was_asked_about(copy: Path) -> None:
    with pytest.raises(ModelError) as caught:
        sandbox.probe(copy, "sha256:" + "0" * 64, 0)
    assert caught.value.code == "bundle.digest"


def test_a_waiting_probe_loads_one_bundle_after_the_other_and_names_the_refused(whole: Path, copy: Path) -> None:
    digest = bundle.load(whole, probe=False).digest
    with sandbox.WaitingProbe() as probe:
        probe.ask(whole, digest)
        probe.ask(copy, digest)
        probe.conclude()
    (copy / "card.md").write_bytes(b"another card")
    with sandbox.WaitingProbe() as probe:
        probe.ask(whole, digest)
        probe.ask(copy, digest)
        with pytest.raises(ModelError, match=r"card\.md"):
            probe.conclude()


def test_a_waiting_probe_that_dies_is_no_approval(copy: Path) -> None:
    with sandbox.WaitingProbe() as probe:
        probe._child.kill()
        probe.ask(copy, bundle.load(copy, probe=False).digest)
        with pytest.raises(ModelError, match="was killed") as caught:
            probe.conclude()
    assert caught.value.code == "bundle.probe"


def test_the_bill_of_materials_is_valid_cyclonedx(whole: Path) -> None:
    validation = pytest.importorskip("cyclonedx.validation.json")
    schema = pytest.importorskip("cyclonedx.schema")
    text = (whole / "sbom.json").read_text()
    assert validation.JsonStrictValidator(schema.SchemaVersion.V1_6).validate_str(text) is None
    assert {"numpy", "lightgbm", "modelwright"} <= {part["name"] for part in json.loads(text)["components"]}


@pytest.mark.parametrize("task", [Task.MULTICLASS, Task.REGRESSION])
def test_other_tasks_travel_too(task: Task, tmp_path: Path) -> None:
    table = parts.mixed(task)
    made = parts.model(table, ["lightgbm", "logistic" if task is Task.MULTICLASS else "ridge"])
    bundle.write(tmp_path / "b", parts.contents(made, table))
    loaded = bundle.load(tmp_path / "b", probe=False)
    found, wanted = loaded.predict(table.frame.head(9)), made.predict(table.frame.head(9))
    for name in ("probabilities", "values"):
        if getattr(wanted, name) is not None:
            assert getattr(found, name).ravel().tolist() == pytest.approx(
                getattr(wanted, name).ravel().tolist(), rel=1e-9
            )
