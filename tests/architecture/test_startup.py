"""Start-up is tested by content: what help and the front door must not load."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = (
    "numpy",
    "polars",
    "sklearn",
    "scipy",
    "yaml",
    "rich",
    "lightgbm",
    "xgboost",
    "optuna",
    "onnxruntime",
    "psutil",
)


def loaded_after(code: str) -> set[str]:
    script = f"{code}\nimport sys, json\nsys.stderr.write(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stderr))


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["runs", "list", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    modules = loaded_after(f"from modelwright.interfaces.cli.main import main\nassert main({arguments!r}) == 0")
    allowed = {"yaml"} if "run" in arguments else set()
    assert not modules & (set(HEAVY) - allowed)
    assert "modelwright" in modules


def test_the_overview_does_not_even_load_the_struct_library() -> None:
    modules = loaded_after("from modelwright.interfaces.cli.main import main\nassert main(['--help']) == 0")
    assert not modules & {"msgspec", "argparse"}


def test_the_front_door_is_lazy_and_small() -> None:
    assert not loaded_after("import modelwright") & set(HEAVY)
    modules = loaded_after("import modelwright\nassert len(modelwright.__all__) <= 12\nmodelwright.SpecError")
    assert not modules & set(HEAVY)


def test_every_name_of_the_front_door_exists() -> None:
    import modelwright

    assert all(getattr(modelwright, name) is not None for name in modelwright.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = modelwright.nonsense  # type: ignore[attr-defined]
