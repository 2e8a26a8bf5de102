"""What a column's name hints at: something that happens during or after the outcome. A weak prior, never proof."""

from __future__ import annotations

import re

#: words for what happens to a case during or after its outcome; matched on whole words of the name, by their stem
_AFTER = (
    "actual after afterwards appeal arr arrest arrival arrived autopsy award body boat cancel canceled "
    "cancelled cancellation cause chargeback chargedoff chargeoff churned claimed closed closing closure "
    "collection collections completed completion compensation confirmed confirmation converted conversion "
    "death deceased decision delay delayed delinquent delivered departure dep discharge discharged dispatched "
    "disposition dispute downtime duration elapsed end ended ending exit exited expired failed failure "
    "fatality final finished followup foreclosure fraudulent investigated investigation late left lifeboat "
    "liquidation loss losses offboarding outcome overdue overtime paid payback payoff payout penalty post "
    "postponed readmission realised realized reason recovered recoveries recovery refund refunded rejected "
    "rejection reminder reminders repaid repair repaired replaced replacement repossession resolution resolved "
    "response result results retention returned sanction settled settlement shipped stop stopped success "
    "survival suspended termination terminated treatment turnaround unsubscribed unsubscribe until verdict "
    "winback withdrawal withdrawn writeoff written"
)
AFTER = frozenset(_AFTER.split())
#: words that place such a thing before the moment of prediction, or make it a plan
_BEFORE = (
    "planned scheduled sched crs expected estimated requested prior previous prev past last history historical before "
    "loan contract policy lease term budget target_group initial intended forecast baseline earlier old first "
    "since lag avg average ever agreed promised due deadline"
)
BEFORE = frozenset(_BEFORE.split())
#: moments that lie in the future by their nature and are known beforehand
PLANNED = BEFORE | frozenset(
    ["expiry", "expires", "expiration", "valid", "maturity", "renewal", "appointment", "birth", "departure", "travel"]
)
#: with `time`, `minutes` and the like: how long something took, which nobody knows before it is over
_COURSES = (
    "air flight travel trip transit processing handling handle wait waiting response elapsed run running cycle "
    "service taxi block talk call session stay idle ride drive driving work working treatment repair delivery "
    "resolution turnaround"
)
_COURSE = frozenset(_COURSES.split())
_SPANS = "time duration minutes mins min hours hrs seconds secs sec length ms days"
_SPAN = frozenset(_SPANS.split())
_ENDINGS = ("ation", "ness", "ment", "ing", "ed", "es", "er", "s", "d", "e")


def words(name: str) -> tuple[str, ...]:
    """`arrDelay_min` as arr, delay, min."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Za-z])(?=\d)", "_", name)
    return tuple(word for word in re.split(r"[\W_]+", split.lower()) if word)


def is_after(name: str) -> bool:
    """The name holds a word for what comes with the outcome, and none that says planned or past."""
    found = words(name)
    return any(word in AFTER for word in found) and not any(word in BEFORE for word in found)


def is_planned(name: str) -> bool:
    return any(word in PLANNED for word in words(name))


def is_like_target(name: str, target: str) -> bool:
    """A name made from the target's: churn_date, churn_reason, delayed_minutes beside delay."""
    mine, its = {_stem(word) for word in words(name)}, {_stem(word) for word in words(target)}
    its = {word for word in its if len(word) >= 4 and word not in ("class", "label", "target", "valu", "type")}
    return bool(mine & its) and not any(word in BEFORE for word in words(name))


def hint(name: str, target: str) -> str:
    """Why the name is suspect, as a clause; empty when it is not."""
    if is_like_target(name, target):
        return f"its name is made from the target's ('{target}')"
    if is_after(name):
        return "its name says something that happens during or after the event"
    return ""


def is_duration(name: str) -> bool:
    """The name says how long some course of events took: air_time, handling_minutes."""
    found = words(name)
    span = [at for at, word in enumerate(found) if word in _SPAN and at > 0 and found[at - 1] in _COURSE]
    return bool(span) and not any(word in BEFORE for word in found)


def is_related(name: str, other: str) -> bool:
    """Both names share a word that is rare enough to mean one process: dep_time and dep_delay."""
    shared = set(words(name)) & set(words(other)) & AFTER
    if any(word in BEFORE for word in words(name)):
        return False
    return bool(shared - {"late", "end", "final", "total"})


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word
