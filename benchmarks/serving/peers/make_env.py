"""Make the environments of the peers: `python benchmarks/serving/peers/make_env.py ENVS`."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

_COMMON = ("scikit-learn", "lightgbm", "pandas", "joblib")
ENVIRONMENTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "fastapi": ((*_COMMON, "fastapi", "uvicorn[standard]", "onnxruntime", "skl2onnx", "onnxmltools", "onnx"),),
    "litserve": (("torch==2.13.0",), (*_COMMON, "litserve")),
    "bentoml": ((*_COMMON, "bentoml"),),
}


def main(folder: Path) -> None:
    for name, steps in ENVIRONMENTS.items():
        if (folder / name / "bin" / "python").exists():
            continue
        venv.create(folder / name, with_pip=True)
        for packages in steps:
            pip = [str(folder / name / "bin" / "python"), "-m", "pip", "install", "--quiet", *packages]
            subprocess.run(pip, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
