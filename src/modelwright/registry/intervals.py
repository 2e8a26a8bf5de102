"""Intervals and sets that travel in a bundle: how sure its model is of each answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from modelwright.core.errors import ModelError
from modelwright.core.nouns import Signature
from modelwright.core.tables import Predictions
from modelwright.registry.manifest import refused
from modelwright.stats import conformal

if TYPE_CHECKING:
    import polars as pl

FILE = "uncertainty.json"


def read(content: bytes | None, signature: Signature) -> conformal.Conformal:
    """Raises ModelError: `bundle.no_intervals` where there is no such file, `bundle.uncertainty` where it is broken."""
    if content is None:
        raise ModelError(
            "This bundle has no intervals or sets: none could be learned when it was packaged.",
            code="bundle.no_intervals",
            hint="run its pipeline again with a current version, on at least 30 rows with a target, or predict without "
            "--intervals",
            subject="bundle",
        )
    try:
        found = conformal.restore(json.loads(content))
    except (ValueError, RecursionError) as error:
        raise refused("uncertainty", str(error), FILE) from error
    is_set = signature.task.is_classification
    wanted = len(signature.classes) if is_set else 1
    if found.kind != ("set" if is_set else "interval") or len(found.quantiles) != wanted:
        raise refused("uncertainty", "its intervals or sets belong to another kind of model", FILE)
    return found


def columns(learned: conformal.Conformal, predictions: Predictions) -> pl.DataFrame:
    """`low` and `high` (regression), or `set`: the classes that may be meant, the likeliest first, joined by `|`."""
    import numpy as np
    import polars as pl

    if learned.kind == "interval":
        assert predictions.values is not None
        low, high = learned.interval(predictions.values)
        return pl.DataFrame({"low": low, "high": high})
    assert predictions.probabilities is not None
    members = learned.members(predictions.probabilities)
    order = np.argsort(-predictions.probabilities, axis=1, kind="stable")
    classes = predictions.classes
    texts = [
        "|".join(classes[at] for at in ranked if inside[at]) for ranked, inside in zip(order, members, strict=True)
    ]
    return pl.DataFrame({"set": texts}, schema={"set": pl.String})
