"""Fit the peers' model, as their users would: a scikit-learn pipeline around LightGBM, and the same as one graph.

python fit.py DATA_FOLDER        (in the fastapi environment; every environment reads pipeline.joblib)
"""

import sys
from pathlib import Path

import joblib
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS = [f"n{i}" for i in range(12)]
CATEGORIES = [f"c{i}" for i in range(8)]


def build(folder: Path) -> None:
    table = pd.read_csv(folder / "train.csv", dtype=dict.fromkeys(CATEGORIES, object))
    y = (table.pop("bought") == "yes").astype(int)
    encode = ColumnTransformer(
        [
            ("n", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), NUMBERS),
            ("c", OneHotEncoder(handle_unknown="ignore", sparse_output=False), CATEGORIES),
        ]
    )
    trees = LGBMClassifier(n_estimators=200, num_leaves=31, learning_rate=0.05, n_jobs=1, verbose=-1)
    model = make_pipeline(encode, trees)
    model.fit(table, y)
    joblib.dump(model, folder / "pipeline.joblib")
    if "--onnx" in sys.argv:
        graph(model, folder)


def graph(model, folder: Path) -> None:
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
    from skl2onnx import convert_sklearn, update_registered_converter
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes

    update_registered_converter(
        LGBMClassifier,
        "LightGbmLGBMClassifier",
        calculate_linear_classifier_output_shapes,
        convert_lightgbm,
        options={"nocl": [True, False], "zipmap": [True, False, "columns"]},
    )
    inputs = [(name, FloatTensorType([None, 1])) for name in NUMBERS]
    inputs += [(name, StringTensorType([None, 1])) for name in CATEGORIES]
    made = convert_sklearn(
        model, initial_types=inputs, options={LGBMClassifier: {"zipmap": False}}, target_opset={"": 18, "ai.onnx.ml": 3}
    )
    (folder / "pipeline.onnx").write_bytes(made.SerializeToString())


if __name__ == "__main__":
    build(Path(sys.argv[1]))
