"""FastAPI and joblib, as its tutorials do: `python fastapi_joblib.py DATA PORT`."""

import sys
from pathlib import Path

import joblib
import pandas as pd
import uvicorn
from fastapi import FastAPI
from pydantic import create_model

folder, port = Path(sys.argv[1]), int(sys.argv[2])
model = joblib.load(folder / "pipeline.joblib")
fields = {f"n{i}": (float | None, None) for i in range(12)} | {f"c{i}": (str, ...) for i in range(8)}
Row = create_model("Row", **fields)
Rows = create_model("Rows", rows=(list[Row], ...))
app = FastAPI()


@app.post("/predict")
def predict(asked: Rows):
    frame = pd.DataFrame([row.model_dump() for row in asked.rows])
    numbers = [f"n{i}" for i in range(12)]
    frame[numbers] = frame[numbers].astype(float)
    found = model.predict_proba(frame)
    return {"probabilities": found.tolist()}


uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)
