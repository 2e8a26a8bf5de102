"""Written after the rules were settled and run once: other disguises, other names, other honest tables."""

from __future__ import annotations

import numpy as np
import polars as pl
from case import Case
from cases_columns import _with
from tables import TABLES


def _vet(seed: int) -> pl.DataFrame:
    """An honest leader among weaker signs, and a name that sounds late but is planned."""
    rng = np.random.default_rng(seed)
    n = 1800
    weight, fever = rng.gamma(3, 5, n), rng.normal(38.2, 0.8, n)
    risk = 2.2 * (fever - 38.2) + 0.02 * weight + rng.normal(0, 0.6, n)
    planned = rng.integers(1, 10, n) + 0.8 * risk
    return pl.DataFrame(
        {
            "weight": weight,
            "fever": fever,
            "planned_treatment_days": planned,
            "ill": np.where(risk > 0.9, "sick", "well"),
        }
    )


def _engine(seed: int) -> pl.DataFrame:
    """Torque and speed make the power nearly exactly; three sensors of one heat."""
    rng = np.random.default_rng(seed)
    torque, speed, heat = rng.normal(200, 40, 1500), rng.normal(3000, 500, 1500), rng.normal(80, 9, 1500)
    sensors = {f"heat_{at}": heat + rng.normal(0, 1 + at, 1500) for at in range(3)}
    return pl.DataFrame({"torque": torque, "speed": speed, **sensors, "power": torque * speed / 9549})


def _fails(seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    wear, load = rng.beta(2, 3, 2200), rng.normal(size=2200)
    y = (6 * wear + 0.5 * load + rng.normal(0, 0.5, 2200) > 4).astype(int)
    return pl.DataFrame({"wear": wear, "load": load, "age": rng.integers(0, 20, 2200), "broken": y})


_MORE = {
    "tax_code": lambda y, rng: np.where(y == y.max(), "Z9", rng.choice(["A1", "B2", "C3"], y.size)),
    "sqrt_view": lambda y, rng: np.sqrt(y - y.min() + 0.5) * 7,
    "noisy_level": lambda y, rng: y * 4 + rng.uniform(-1, 1, y.size),
}
_AFTER = {
    "ticket_closed_minutes": lambda y, rng: np.where(y == y.max(), rng.gamma(6, 40, y.size), rng.gamma(2, 15, y.size)),
    "claimPayout": lambda y, rng: np.where(y == y.max(), rng.gamma(3, 400, y.size), 0.0),
    "visits_following": lambda y, rng: np.where(y == y.max(), rng.poisson(5, y.size) + 1, 0),
}
_CLEAN = {"vet": ("ill", _vet), "engine": ("power", _engine), "fails": ("broken", _fails)}

CASES: tuple[Case, ...] = (
    *(Case(name=f"heldout/{name}", kind="clean", make=make, target=target) for name, (target, make) in _CLEAN.items()),
    *(
        Case(
            name=f"heldout/{table}/{name}",
            kind=kind,
            make=_with(table, name, disguise),
            target=TABLES[table][0],
            expected=(("leak.", f"column:{name}"),),
        )
        for kind, more in (("target_copy_heldout", _MORE), ("post_event_heldout", _AFTER))
        for name, disguise in more.items()
        for table in ("loans", "stays", "titanic", "plain_binary", "breast_cancer")
    ),
)
