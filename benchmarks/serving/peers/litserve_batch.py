"""LitServe, batches of up to 32 within 2 ms: `python litserve_batch.py DATA PORT`."""

import sys
from pathlib import Path

import litserve as ls

folder, port = Path(sys.argv[1]), int(sys.argv[2])


class Served(ls.LitAPI):
    def setup(self, device):
        import joblib

        self.model = joblib.load(folder / "pipeline.joblib")

    def decode_request(self, request):
        return request["rows"]

    def batch(self, inputs):
        return inputs

    def predict(self, many):
        import pandas as pd

        frame = pd.DataFrame([row for rows in many for row in rows])
        numbers = [f"n{i}" for i in range(12)]
        frame[numbers] = frame[numbers].astype(float)
        found = self.model.predict_proba(frame)
        cut, answers = 0, []
        for rows in many:
            answers.append(found[cut : cut + len(rows)].tolist())
            cut += len(rows)
        return answers

    def unbatch(self, output):
        return output

    def encode_response(self, output):
        return {"probabilities": output}


if __name__ == "__main__":
    server = ls.LitServer(Served(max_batch_size=32, batch_timeout=0.002), accelerator="cpu")
    server.run(host="127.0.0.1", port=port, generate_client_file=False, log_level="error")
