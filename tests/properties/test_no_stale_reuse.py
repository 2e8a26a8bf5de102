"""A thousand random edits of code, data, parameters and environment: never a stale reuse, and every return is a hit.

A key may be reused only for the state it was made from. The walk edits one thing at a time, computes the keys that a
run would compute, by the run's own functions, and keeps for every key the state it stood for.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from modelwright.core.digests import digest_of
from modelwright.lifecycle import environment
from modelwright.lifecycle.prepare import Prepared, prepare
from modelwright.lifecycle.stages import examine, learn, partition
from modelwright.lifecycle.steps import StepRunner
from modelwright.spec.load import load_spec_text

EDITS = 1_000

SETTINGS: dict[str, list[str]] = {
    "data.split.kind": ["stratified", "random"],
    "data.sample_rate": ["1.0", "0.9"],
    "features.derived": ["{}", "{double: size * 2}", "{double: size * 3}"],
    "model.max_depth": ["2", "3", "4"],
    "model.imbalance": ["auto", "class_weight"],
    "evaluation.metric": ["roc_auc", "f1"],
    "evaluation.cv.folds": ["3", "5"],
    "training.seed": ["0", "1"],
    "training.budget_s": ["5", "6"],
}


class World:
    """Everything a result depends on, as files and settings that can be edited."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.random = random.Random(11)
        self.settings = dict.fromkeys(SETTINGS, 0)
        self.cell, self.code, self.hook, self.package, self.plugin = 0, 0, 0, 0, 0
        for name in ("package", "site", "plugins/metrics"):
            (folder / name).mkdir(parents=True)
        monkeypatch.setattr(environment, "_PACKAGE", folder / "package")
        monkeypatch.syspath_prepend(str(folder / "site"))
        monkeypatch.setenv("MODELWRIGHT_PLUGINS", str(folder / "plugins"))
        self._prepared: dict[tuple[object, ...], Prepared] = {}
        self.write()

    def write(self) -> None:
        rows = [
            f"{i * 0.37 % 7 + (self.cell if i == 5 else 0):.3f},{'ab'[i % 2]},{'yn'[i % 3 == 0]}" for i in range(60)
        ]
        (self.folder / "table.csv").write_text("\n".join(["size,kind,label", *rows]) + "\n")
        (self.folder / "package" / "engine.py").write_text(f"version = {self.code}\n")
        (self.folder / "hooks.py").write_text("import deeper\n\ndef prepare(frame):\n    return frame\n")
        (self.folder / "deeper.py").write_text(f"value = {self.hook}\n")
        (self.folder / "plugins" / "metrics" / "own.py").write_text(f'"""Own."""\nvalue = {self.plugin}\n')
        for info in (self.folder / "site").iterdir():
            info.rmdir()
        (self.folder / "site" / f"library-1.{self.package}.dist-info").mkdir()

    def edit(self) -> None:
        what = self.random.choice(["data", "code", "hook", "package", "plugin", "setting", "setting", "setting"])
        if what == "setting":
            name = self.random.choice(list(SETTINGS))
            self.settings[name] = self.random.randrange(len(SETTINGS[name]))
        else:
            name = {"data": "cell"}.get(what, what)
            setattr(self, name, self.random.randrange(4))
        self.write()

    @property
    def state(self) -> tuple[object, ...]:
        return (self.cell, self.code, self.hook, self.package, self.plugin, *self.settings.values())

    def keys(self) -> dict[str, str]:
        environment.code_digest.cache_clear()
        text = (
            "data:\n  source: table.csv\n  prepare: hooks:prepare\nfeatures:\n  target: label\n"
            "model:\n  type: decision_tree\n"
        )
        overrides = [f"{name}={values[self.settings[name]]}" for name, values in SETTINGS.items()]
        spec = load_spec_text(text, overrides=overrides).spec
        base = {
            "code": environment.code_digest(),
            "environment": digest_of(environment.environment()),
            "plugins": environment.plugins_digest(),
        }
        # reading is the slow part, and depends on these alone
        needed = (self.cell, self.hook, str(spec.data), str(spec.features), spec.training.seed)
        if needed not in self._prepared:
            self._prepared[needed] = prepare(spec, self.folder)
        prepared = self._prepared[needed]
        split = digest_of({**base, **partition.parts(prepared, spec, self.folder)})
        return {
            "split": split,
            "check": digest_of({**base, **examine.parts(prepared, spec)}),
            "train": digest_of({**base, **learn.parts(split, spec, self.folder)}),
        }


def test_zero_stale_keys_in_a_thousand_edits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path, monkeypatch)
    stood_for: dict[str, tuple[object, ...]] = {}
    key_of: dict[tuple[object, ...], str] = {}
    returns = 0
    for _ in range(EDITS):
        world.edit()
        key = world.keys()["train"]
        assert stood_for.setdefault(key, world.state) == world.state, "a stale result would have been reused"
        returns += world.state in key_of
        assert key_of.setdefault(world.state, key) == key, "an unchanged state missed its result"
    assert len(stood_for) > EDITS / 3
    assert returns > 0


@pytest.mark.parametrize(
    ("edit", "changed"),
    [
        (lambda w: setattr(w, "cell", 1), {"split", "check", "train"}),
        (lambda w: setattr(w, "code", 1), {"split", "check", "train"}),
        (lambda w: setattr(w, "package", 1), {"split", "check", "train"}),
        (lambda w: setattr(w, "hook", 1), {"split", "check", "train"}),
        (lambda w: w.settings.update({"model.max_depth": 1}), {"train"}),
        (lambda w: w.settings.update({"evaluation.metric": 1}), {"check", "train"}),
    ],
)
def test_only_the_steps_that_read_a_thing_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edit: Callable[[World], None], changed: set[str]
) -> None:
    world = World(tmp_path, monkeypatch)
    before = world.keys()
    edit(world)
    world.write()
    now = world.keys()
    assert {name for name in now if now[name] != before[name]} == changed


def test_what_a_thousand_edits_prove_about_keys_holds_for_stored_results(tmp_path: Path) -> None:
    """The other half: a result is served under its own key only, whatever was stored before or after."""
    generator = random.Random(5)
    for _ in range(EDITS):
        parts = {name: str(generator.randrange(3)) for name in ("code", "data", "spec", "environment")}
        runner = StepRunner(cache=tmp_path, base={})
        truth = str(sorted(parts.items()))

        def work(folder: Path, text: str = truth) -> None:
            (folder / "r").write_text(text)

        assert (runner.run("fit", parts, work).folder / "r").read_text() == truth
