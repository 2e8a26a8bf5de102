"""Loading, overrides, writing, hooks and the schema."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec
import pytest

from modelwright.core.errors import NotFoundError, SpecError
from modelwright.spec.hooks import hook_digest, resolve, spec_hooks
from modelwright.spec.json_schema import json_schema
from modelwright.spec.load import load_spec, load_spec_text
from modelwright.spec.model import DataSpec, FeaturesSpec, ModelSpec, Spec, SplitSpec, TuningSpec, WindowSpec
from modelwright.spec.write import render

SMALL = "data:\n  source: a.csv\nfeatures:\n  target: y\n"


def test_yaml_1_2_scalars_are_never_converted_silently() -> None:
    text = SMALL + "  categorical: [no, on, 1:30, 2020-01-01, 010, 0x1F, 1_000, ~x, 'null']\n"
    columns = load_spec_text(text).spec.features.categorical
    assert columns == ["no", "on", "1:30", "2020-01-01", "010", "0x1F", "1_000", "~x", "null"]
    assert load_spec_text(SMALL + "training: {budget_s: 1e3}\n").spec.training.budget_s == 1000.0


def test_json_files_load_too() -> None:
    text = json.dumps({"data": {"source": "a.csv"}, "features": {"target": "sm\U0001f600le"}}, indent="\t")
    assert load_spec_text(text, "p.json").spec.features.target == "sm\U0001f600le"
    with pytest.raises(SpecError, match="'source' is written twice: on line 1 and again on line 1") as caught:
        load_spec_text('{"data": {"source": "a", "source": "b"}}', "p.json")
    assert caught.value.column == 26


def test_positions_are_those_of_the_values() -> None:
    loaded = load_spec_text(SMALL)
    assert loaded.positions["data.source"] == (2, 11)
    error = loaded.located(SpecError("No such file.", hint="name another"), "data.source")
    assert (error.line, error.column, error.source_line) == (2, 11, "  source: a.csv")


def test_empty_sections_mean_defaults() -> None:
    assert load_spec_text(SMALL + "model:\ntraining:\ntuning:\n").spec == load_spec_text(SMALL).spec


def test_overrides_are_typed_and_errors_name_them() -> None:
    spec = load_spec_text(SMALL, overrides=["training.budget_s=5", "features.id=[a, b]", "tuning.trials=7"]).spec
    assert (spec.training.budget_s, spec.features.id, spec.tuning) == (5.0, ["a", "b"], TuningSpec(trials=7))
    with pytest.raises(SpecError, match="takes a number, and this is the text 'soon'") as caught:
        load_spec_text(SMALL, overrides=["training.budget_s=soon"])
    assert caught.value.file == "--set training.budget_s=soon"
    assert caught.value.caret().endswith("^")
    for wrong in ("training.budget_s", "=3", "a..b=1", "data.source=[x", "traning.seed=1"):
        with pytest.raises(SpecError) as caught:
            load_spec_text(SMALL, overrides=[wrong])
        assert wrong in caught.value.file


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        load_spec_text(SMALL.replace("target", "tagret") + "training: {seed: -1, budgt_s: 3}\n")
    assert [error.line for error in (caught.value, *caught.value.others)] == [4, 5, 5]


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "pipeline.yaml").write_text(SMALL)
    assert load_spec(tmp_path / "pipeline.yaml").base_dir == tmp_path
    with pytest.raises(NotFoundError) as caught:
        load_spec(tmp_path / "pipelin.yaml")
    assert "pipeline.yaml" in caught.value.hint
    with pytest.raises(SpecError, match="is a folder"):
        load_spec(tmp_path)


HARD = Spec(
    data=DataSpec(source="a: b # c", types={"1": "category", "x y": "number"}, split=SplitSpec(kind="time", gap="7d")),
    features=FeaturesSpec(
        target='é"\\\n',
        time="t",
        id=["no", "010", "~", "", "- a", "\x85"],
        categorical=[f"column {number}" for number in range(40)],
        derived={"r": "a / b"},
        windows=[WindowSpec(name="w", column="c", entity="e")],
    ),
    model=ModelSpec(type=["random_forest", "extra_trees"], params={"n_estimators": 7}),
    tuning=TuningSpec(space={"n_estimators": [1, 5]}),
)


@pytest.mark.parametrize("spec", [Spec(data=DataSpec(source="a.csv")), load_spec_text(SMALL).spec, HARD])
def test_what_is_written_loads_back(spec: Spec) -> None:
    written = render(spec, {"": "a head", "features.target": "why\nso", "data.split": "because", "model": "hm"})
    assert msgspec.to_builtins(load_spec_text(written).spec) == msgspec.to_builtins(spec)
    assert "# a head" in written


def test_options_that_are_commented_out_load_when_they_are_not() -> None:
    written = render(load_spec_text(SMALL).spec)
    for line in written.splitlines():
        option = line.strip().removeprefix("# ").split("  #")[0]
        if line.strip().startswith("# ") and "COLUMN" not in option and "METRIC" not in option and "gap" not in option:
            load_spec_text(written.replace(line, line.replace("# ", "", 1)))


@pytest.fixture
def hooks(tmp_path: Path) -> Path:
    name = f"steps_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(f"import {name}_part\ndef one():\n    return {name}_part.VALUE\nTWO = 2\n")
    (tmp_path / f"{name}_part.py").write_text("VALUE = 1\n")
    (tmp_path / "unrelated.py").write_text("VALUE = 1\n")
    return tmp_path / f"{name}.py"


def test_an_edit_of_a_hook_or_its_imports_is_seen(hooks: Path) -> None:
    hook, folder = f"{hooks.stem}:one", hooks.parent
    before, path = hook_digest(hook, folder), list(sys.path)
    assert resolve(hook, folder)() == 1
    assert sys.path == path
    (folder / "unrelated.py").write_text("VALUE = 2\n")
    assert hook_digest(hook, folder) == before
    (folder / f"{hooks.stem}_part.py").write_text("VALUE = 2\n")
    assert hook_digest(hook, folder) != before
    assert resolve(hook, folder)() == 2
    assert spec_hooks(Spec(data=DataSpec(source="sklearn:wine", prepare=hook)), folder) == [hook]


@pytest.mark.parametrize(
    ("function", "code"), [("none", "hook.not_found"), ("TWO", "hook.not_callable"), ("one.x", "hook.shape")]
)
def test_hooks_that_cannot_be_used_say_why(hooks: Path, function: str, code: str) -> None:
    with pytest.raises(SpecError) as caught:
        resolve(f"{hooks.stem}:{function}", hooks.parent)
    assert caught.value.code == code
    assert caught.value.hint


def test_broken_hooks_are_located(tmp_path: Path) -> None:
    (tmp_path / "broken_hook_a.py").write_text("def f(:\n")
    with pytest.raises(SpecError, match="does not compile") as caught:
        resolve("broken_hook_a:f", tmp_path)
    assert caught.value.line == 1
    with pytest.raises(SpecError, match="no module 'missing_hook'"):
        resolve("missing_hook:f", tmp_path)


def test_the_schema_describes_every_section() -> None:
    schema = json_schema()
    assert {"DataSpec", "FeaturesSpec", "ModelSpec", "TuningSpec"} <= set(schema["$defs"])
    assert schema["$defs"]["ModelSpec"].get("additionalProperties") is None
    assert schema["$defs"]["DataSpec"]["additionalProperties"] is False
