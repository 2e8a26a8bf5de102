"""Candidates of the competition: families with parameters, in the order in which they are tried.

The order follows public leaderboards of tables (TabArena-Lite 2026: all zero-effort boosters within a few ranks,
CatBoost first) and cost per CPU second (linear, then LightGBM and XGBoost, then CatBoost and forests).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from modelwright.core import plugins
from modelwright.core.digests import child_seed
from modelwright.core.errors import ModelError, NotFoundError, SpecError
from modelwright.core.nouns import Noun, Task
from modelwright.core.ports import Family
from modelwright.training import costs
from modelwright.training.costs import Shape
from modelwright.training.units import Recipe, Unit, Weighting

#: names of the parameter that counts boosting or training rounds, in the order they are looked for
ROUNDS = ("n_estimators", "iterations", "max_iter", "rounds", "epochs")

#: names of the parameter that says how many rounds without gain end a fit
PATIENCE = frozenset({"early_stopping_rounds", "n_iter_no_change"})

#: families whose single model scores a row in microseconds
QUICK_FAMILIES = ("lightgbm", "xgboost", "catboost", "logistic", "ridge", "linear", "elastic_net", "lasso")

#: from simplest to most complex; ties within noise go to the earlier one
SIMPLICITY = (
    "dummy",
    "rule",
    "naive_bayes",
    "linear",
    "ridge",
    "lasso",
    "elastic_net",
    "logistic",
    "decision_tree",
    "lightgbm",
    "xgboost",
    "catboost",
    "hist_gb",
    "ebm",
    "extra_trees",
    "random_forest",
    "mlp",
    "knn",
    "svm",
)


class Candidate(Noun, frozen=True, kw_only=True):
    """One family with one set of parameters. Its name is unique in a competition and stands in the plan."""

    name: str
    family: str
    params: dict[str, Any] = {}
    weighting: Weighting = "none"
    early_stopping: bool = True
    narrow: bool = False
    keep_predictions: bool = False
    keep_state: bool = False
    recipe: Recipe = "plain"
    most_rows: int = 0
    #: trial number where a tuner proposed it
    trial: int | None = None
    #: digest of what a student learns instead of the labels (`training.distilling.teach`)
    teacher: str = ""

    def unit(self, seed: int, fold: int | None, rounds: int | None = None) -> Unit:
        """The unit that fits this candidate on one fold, or on all rows."""
        part = "refit" if fold is None else f"fold-{fold}"
        return Unit(
            name=f"{self.name}/{part}",
            candidate=self.name,
            family=self.family,
            params=self.params,
            seed=child_seed(seed, "fit", self.family, part),
            fold=fold,
            weighting=self.weighting,
            early_stopping=self.early_stopping,
            rounds=rounds if fold is None else None,
            narrow=self.narrow,
            keep_predictions=self.keep_predictions and fold is None,
            keep_state=self.keep_state and fold is not None,
            teacher=self.teacher,
            recipe=self.recipe,
            most_rows=self.most_rows,
        )


def load_family(name: str, base_dir: str | Path) -> Family:
    """A family by plugin name or `module:function`."""
    if ":" not in name:
        found: Family = plugins.load("families", name)
        return found
    from modelwright.spec.hooks import resolve

    made = resolve(name, Path(base_dir))()
    if not isinstance(made, Family):
        raise ModelError(
            f"'{name}' returned {type(made).__name__}, which is not a family.",
            code="family.hook",
            hint="return an object with Params, tasks, needs, fit, restore and space",
            subject=name,
        )
    return made


def read_params(family: Family, params: Mapping[str, Any], name: str) -> Any:
    """The family's own parameters, checked. Raises SpecError (`spec.params`)."""
    try:
        return msgspec.convert(dict(params), family.Params)
    except msgspec.ValidationError as error:
        raise SpecError(
            f"The parameters of '{name}' are not valid: {error}.",
            code="spec.params",
            hint=f"known: {', '.join(family.Params.__struct_fields__)}",
            subject=f"model.{name}",
        ) from error


def rounds_field(params: Any) -> str | None:
    """The parameter that counts rounds, for families that can stop early; None for the others."""
    fields = type(params).__struct_fields__
    if not PATIENCE.intersection(fields):
        return None
    return next((name for name in ROUNDS if name in fields), None)


def with_rounds(params: Any, rounds: int) -> Any:
    """The same parameters with a fixed number of rounds."""
    name = rounds_field(params)
    return params if name is None else msgspec.structs.replace(params, **{name: rounds})


def complexity(family: str) -> int:
    """Position in SIMPLICITY; families unknown to it come last."""
    return SIMPLICITY.index(family) if family in SIMPLICITY else len(SIMPLICITY)


def expected_fit_s(
    family: str, n_rows: int, n_columns: int, params: Mapping[str, Any] | None = None, n_outputs: int = 1
) -> float:
    """A guess before anything of this family was measured on this table; `params` as a candidate has them."""
    shape = Shape(n_rows=n_rows, n_columns=n_columns, n_outputs=n_outputs)
    known = ":" not in family and costs.knows(family)
    return costs.fit_s(family, read_params(load_family(family, "."), params or {}, family) if known else None, shape)


def simple_family(task: Task) -> str:
    """The plain model every other one is compared with."""
    return "logistic" if task.is_classification else "ridge"


def suitable(names: Sequence[str], task: Task, base_dir: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """Families that load and serve the task, and the others with the reason why not."""
    good: list[str] = []
    bad: list[tuple[str, str]] = []
    for name in names:
        try:
            family = load_family(name, base_dir)
        except NotFoundError:
            continue
        except Exception as error:  # noqa: BLE001 - one broken family must not stop the others
            bad.append((name, str(error)))
            continue
        if task in family.tasks:
            good.append(name)
        else:
            bad.append((name, f"does not serve {task.value}"))
    return good, bad
