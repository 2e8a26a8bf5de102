"""Models of one series: the rows come with the object, and forecasts are asked for by number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwright.checks.code.flow.machine import Machine
from modelwright.checks.code.flow.values import Predict, Value

if TYPE_CHECKING:
    from modelwright.checks.code.flow.arguments import Call

ASKING = frozenset(["forecast", "predict", "get_forecast", "get_prediction"])


def hold(c: Call, new: Value, made: str) -> None:
    """`OLS(y, X)`, `SARIMAX(train, order=...)`: what is to be fitted, the target first."""
    if made == "sm_model":
        held = (("y", c.get(0, "endog")), ("X", c.get(1, "exog")))
        new.attrs = {name: value for name, value in held if value is not None}
    elif made == "sm_series":
        series = c.get(0, "endog")
        new.attrs = {} if series is None else {"X": series}
        for value in c.keywords.values():
            new.loops |= value.loops


def ask(m: Machine, c: Call, est: Value) -> Value:
    """Values for times to come; which rows they stand for is told by the truth they are compared with."""
    asked = Predict(c.node, est, est.fit, Value("series"), "forecast", m.tick(), loops=m.loops)
    m.predicts.append(asked)
    return Value("prediction", preds=(asked,), flags=frozenset(["proba"]), node=c.node)
