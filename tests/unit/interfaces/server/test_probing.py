"""A bundle is probed once, in a process of its own, and what passed is remembered with what took part."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from modelwright.core.errors import ModelwrightError
from modelwright.core.nouns import Task
from modelwright.interfaces.server.probing import Probes
from modelwright.registry import bundle
from tests.unit.registry import bundle_parts as parts


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = parts.mixed(Task.BINARY, 300)
    folder = tmp_path_factory.mktemp("probing") / "bundle"
    bundle.write(folder, parts.contents(parts.model(table), table, choose="compiled"))
    return folder


def test_what_passed_is_remembered_for_these_libraries_and_hooks(made: Path, tmp_path: Path) -> None:
    probes = Probes(tmp_path)
    assert not probes.passed(made)
    digest = probes.check(made)
    assert probes.passed(made)
    assert Probes(tmp_path).passed(made), "the next start needs no probe"
    assert not Probes(tmp_path, hooks=["mine:function"]).passed(made)
    assert digest.startswith("sha256:")
    file = tmp_path / "serving" / "probes.json"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o666)
    assert not Probes(tmp_path).passed(made), "others could have written it"
    file.chmod(0o600)
    file.write_text("[not json")
    assert not Probes(tmp_path).passed(made)


def test_a_damaged_bundle_does_not_pass_and_is_not_remembered(made: Path, tmp_path: Path) -> None:
    copy = tmp_path / "bundle"
    shutil.copytree(made, copy)
    golden = copy / "golden.json"
    golden.write_bytes(golden.read_bytes().replace(b"0.", b"1.", 1))
    probes = Probes(tmp_path)
    with pytest.raises(ModelwrightError) as refused:
        probes.check(copy)
    assert refused.value.code == "bundle.digest"
    assert not probes.passed(copy)
    with pytest.raises(ModelwrightError):
        probes.check(tmp_path / "nowhere")
