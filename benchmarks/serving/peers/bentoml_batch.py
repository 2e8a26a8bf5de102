"""BentoML with adaptive batching: `python bentoml_batch.py DATA PORT`."""

import os
import sys
from pathlib import Path

import bentoml

folder = Path(os.environ.get("PEER_DATA") or sys.argv[1])


@bentoml.service(workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Served:
    def __init__(self) -> None:
        import joblib

        self.model = joblib.load(folder / "pipeline.joblib")

    @bentoml.api(batchable=True, batch_dim=0, max_batch_size=100, max_latency_ms=60_000)
    def predict(self, rows: list[dict]) -> list[list[float]]:
        import pandas as pd

        frame = pd.DataFrame(rows)
        numbers = [f"n{i}" for i in range(12)]
        frame[numbers] = frame[numbers].astype(float)
        return self.model.predict_proba(frame).tolist()


if __name__ == "__main__":
    os.environ["PEER_DATA"] = str(folder.absolute())
    command = [str(Path(sys.executable).with_name("bentoml")), "serve", "bentoml_batch:Served", "--port", sys.argv[2]]
    os.chdir(Path(__file__).parent)
    os.execv(command[0], command)
