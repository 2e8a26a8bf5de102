"""A change under which the chosen configuration is fit again: what is taken away, mixed up or judged otherwise.

A change is data and becomes part of a unit's key, so that a changed fit is cached, resumed and replayed like any
other. `changed.apply` carries it out in whichever process does the fit; the table on disk stays as it is.
"""

from __future__ import annotations

from typing import Literal

from modelwright.core.nouns import Noun
from modelwright.spec.model import FeaturesSpec


class Change(Noun, frozen=True, kw_only=True):
    """What is different from the chosen configuration; every field at its default changes nothing."""

    #: columns that hold no value any more, whatever steps would read them
    without: tuple[str, ...] = ()
    #: share of each fold's learn rows that is learned from, smaller ones inside larger ones
    share: float = 1.0
    #: the target in random order: nothing can be learned from it
    shuffled: bool = False
    #: other folds: `order` judges the last rows, `time` the latest by column `by`, `group` unseen groups of `by`
    folds: Literal["", "order", "time", "group"] = ""
    by: str = ""
    features: FeaturesSpec | None = None
    #: what of the family's needs is overruled: `scaled`, `one_hot`
    needs: dict[str, bool] = {}
    #: also keep predictions for the rows learned from
    learned: bool = False
    #: tells refits apart that differ by their random numbers only
    again: int = 0
