"""FastAPI around one ONNX graph, as an expert would tune it: raw body, one thread, inline: `... DATA PORT`."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response

folder, port = Path(sys.argv[1]), int(sys.argv[2])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.add_session_config_entry("session.intra_op.allow_spinning", "0")
session = onnxruntime.InferenceSession(str(folder / "pipeline.onnx"), options, providers=["CPUExecutionProvider"])
NUMBERS = [f"n{i}" for i in range(12)]
CATEGORIES = [f"c{i}" for i in range(8)]
output = session.get_outputs()[1].name
app = FastAPI()


@app.post("/predict")
async def predict(request: Request):
    rows = json.loads(await request.body())["rows"]
    feed = {
        name: np.array([[float("nan") if row[name] is None else row[name]] for row in rows], dtype=np.float32)
        for name in NUMBERS
    }
    feed |= {name: np.array([[row[name]] for row in rows], dtype=object) for name in CATEGORIES}
    found = session.run([output], feed)[0]
    return Response(json.dumps({"probabilities": found.tolist()}), media_type="application/json")


uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)
