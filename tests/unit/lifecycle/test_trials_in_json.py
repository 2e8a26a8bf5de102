"""`run --json` holds every trial of a search."""

from __future__ import annotations

import msgspec

from modelwright.lifecycle.summaries import outcome
from tests.unit.documents import document_samples


def test_all_trials_with_what_they_took_and_how_they_ended() -> None:
    trial = {
        "number": 0,
        "family": "knn",
        "params": {"k": 3},
        "score": 0.5,
        "seconds": 0.1,
        "state": "done",
        "note": "",
    }
    trials = (trial, {**trial, "number": 1, "score": None, "state": "pruned"})
    told = outcome(msgspec.structs.replace(document_samples.binary(), trials=trials))["trials"]
    assert told == list(trials)
    msgspec.json.encode(told)
