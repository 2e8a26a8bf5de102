"""How much closer rows are to their own cluster than to the next one: 1 well apart, 0 overlapping, below 0 wrong.

The truth handed in is the matrix itself, shape (n, k), because clustering has no other.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.ports import Metric
from modelwright.core.tables import Predictions
from modelwright.evaluation.metrics._shared import CLUSTERING, Summed, mean_of, predicted_labels

_MAX_ROWS = 2000


def _rows(y: NDArray[Any], predictions: Predictions) -> NDArray[np.float64]:
    """(n, 2): 1 and the row's silhouette, by Rousseeuw (1987), J. Comp. Appl. Math. 20; zeros for rows left out.

    At most 2,000 rows, taken evenly, are looked at. Fewer than 2 clusters: every silhouette is 0. The interval is that
    of the mean of these: a resample of the rows themselves would hold pairs at distance 0 and look better than it is.
    """
    from sklearn.metrics import silhouette_samples

    X, labels = np.asarray(y, dtype=np.float64), predicted_labels(predictions)
    take = np.unique(np.linspace(0, max(labels.size - 1, 0), min(labels.size, _MAX_ROWS)).astype(np.int64))
    rows = np.zeros((labels.size, 2))
    rows[take, 0] = 1.0
    if 2 <= np.unique(labels[take]).size < take.size:
        rows[take, 1] = silhouette_samples(np.nan_to_num(X[take]), labels[take])
    return rows


PLUGIN: Metric = Summed(
    rows=_rows,
    formula=mean_of(),
    tasks=CLUSTERING,
    greater_is_better=True,
    needs="labels",
    aliases=("silhouette_score",),
    bounds=(-1.0, 1.0),
)
