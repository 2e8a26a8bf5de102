from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelwright.checks.code.inventory import Inventory, survey
from modelwright.interfaces.cli.main import main
from tests.unit.checks.code.toys import notebook

TRAIN = """
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
import joblib
df = pd.read_csv("loans.csv")
a, b, c, d = train_test_split(df.drop(columns="y"), df["y"])
model = RandomForestClassifier().fit(a, c)
print(f1_score(d, model.predict(b)))
joblib.dump(model, "model.joblib")
"""
SERVE = """
from fastapi import FastAPI
import onnxruntime
app = FastAPI()
session = onnxruntime.InferenceSession("m.onnx")

@app.post("/score")
def score(x: dict):
    return session.run(None, x)
"""
NET = """
from torch import nn

class Net(nn.Module):
    def forward(self, x):
        return x
"""


def _found(root: Path, **files: str | bytes) -> Inventory:
    for name, content in files.items():
        file = root / name.replace("__", "/").replace("_DOT_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return survey([str(root)], root)


def test_code_is_told_by_what_it_does(tmp_path: Path) -> None:
    found = _found(
        tmp_path,
        train_DOT_py=TRAIN,
        serve_DOT_py=SERVE,
        net_DOT_py=NET,
        eda_DOT_ipynb=notebook("import pandas as pd\nfrom sklearn.cluster import KMeans", "KMeans"),
        plain_DOT_py="import os\nprint(os.getcwd())\n",
    )
    kinds = {item.path: item.kind for item in found.items}
    assert kinds == {"train.py": "training", "serve.py": "serving", "net.py": "model code", "eda.ipynb": "notebook"}
    train = next(item for item in found.items if item.path == "train.py")
    assert (train.estimators, train.metrics) == (("RandomForestClassifier",), ("f1_score",))
    assert (train.reads, train.writes) == (("read_csv('loans.csv')",), ("dump('model.joblib')",))
    assert next(item for item in found.items if item.path == "net.py").estimators == ("Net (own)",)


def test_artefacts_are_told_by_name_and_first_bytes_and_never_loaded(tmp_path: Path) -> None:
    bomb = b"\x80\x04cbuiltins\nexit\n(I1\ntR."
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "__metadata__": {}}).encode()
    found = _found(
        tmp_path,
        a_DOT_pkl=bomb,
        b_DOT_onnx=b"\x08\x07",
        c_DOT_safetensors=len(header).to_bytes(8, "little") + header + b"\0" * 4,
        d_DOT_safetensors=b"\xff" * 20,
        e_DOT_h5=b"\x89HDF\r\n\x1a\n",
        f_DOT_pt=b"PK\x03\x04rest",
        g_DOT_onnx=b"",
        h_DOT_bin=b"\0\1",
    )
    told = {item.path: (item.format, item.runs_code_on_load) for item in found.items}
    assert told == {
        "a.pkl": ("pickle", True),
        "b.onnx": ("onnx", False),
        "c.safetensors": ("safetensors", False),
        "d.safetensors": ("safetensors", False),
        "e.h5": ("hdf5", False),
        "f.pt": ("torch", True),
        "g.onnx": ("onnx", False),
    }
    what = {item.path: item.what for item in found.items}
    assert "1 tensors" in what["c.safetensors"]
    assert "broken" in what["d.safetensors"]
    assert "may run code" in what["a.pkl"]


def test_a_bundle_is_one_thing(tmp_path: Path) -> None:
    manifest = {"name": "churn", "signature": {"task": "binary", "target": "left"}}
    found = _found(
        tmp_path,
        out__manifest_DOT_json=json.dumps(manifest),
        out__model__model_DOT_json="{}",
        out__model_DOT_onnx=b"\x08",
    )
    assert [(item.path, item.kind) for item in found.items] == [("out", "bundle")]
    assert "churn, binary, left" in found.items[0].what


def test_settings_of_trainings_are_found_and_others_left(tmp_path: Path) -> None:
    found = _found(
        tmp_path,
        conf__a_DOT_yaml="lr: 0.1\nepochs: 3\n",
        conf__b_DOT_yaml="name: x\nport: 80\n",
        pipeline_DOT_yaml="data:\n  source: a.csv\nfeatures:\n  target: y\n",
        package_DOT_json='{"name": "x"}',
    )
    assert [(item.path, item.format) for item in found.items] == [
        ("conf/a.yaml", "yaml"),
        ("pipeline.yaml", "pipeline.yaml"),
    ]


def test_the_command_lists_and_writes_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _found(tmp_path, train_DOT_py=TRAIN, a_DOT_pkl=b"\x80\x04", broken_DOT_py=b"\0\1\2")
    monkeypatch.chdir(tmp_path)
    assert main(["find", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["counts"] == {"artefact": 1, "training": 1}
    assert [each["path"] for each in result["skipped"]] == ["broken.py"]
    assert main(["find"]) == 0
    out = capsys.readouterr().out
    assert "Trains RandomForestClassifier, from read_csv('loans.csv'), judged by f1_score." in out
    assert main(["find", "nowhere"]) == 2
