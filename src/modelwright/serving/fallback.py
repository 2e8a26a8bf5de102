"""Who answers when the model cannot: the version before it, its quick sibling, another bundle, or a constant.

In good times this costs a request nothing: the plane is given nothing to call before the first failure, and nothing
any more once every circuit is closed again.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from modelwright.core.errors import ModelwrightError
from modelwright.registry.reference_state import read_prior
from modelwright.serving.asking import Answer, Ask, Refused
from modelwright.serving.breaker import Breaker, Circuit
from modelwright.serving.shedding import expired

if TYPE_CHECKING:
    from modelwright.serving.live import Served
    from modelwright.serving.plane import Plane
    from modelwright.serving.swapping import Place
    from modelwright.spec.serving import ServingSpec

LAST_GOOD, FAST, CONSTANT = "last_good", "fast", "constant"


class Chain:
    """The fallbacks of every model of one plane, for the plane's own thread."""

    def __init__(
        self,
        plane: Plane,
        former: Callable[[str], Served | None],
        spec: Callable[[str], ServingSpec],
        *,
        soon: Callable[[Callable[[], None]], object],
        count: Callable[[str, tuple[str, ...]], None] = lambda _name, _labels: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plane, self._former, self._spec, self._soon = plane, former, spec, soon
        self._count, self._clock = count, clock
        self._breakers: dict[tuple[str, int, str], Breaker] = {}
        self._spares: dict[tuple[str, str], Served] = {}
        self._constants: dict[tuple[str, int, str], tuple[Any, list[float] | None]] = {}
        plane.on_failure = self._failed

    def spares(self, name: str) -> dict[str, Served]:
        return {which: served for (of, which), served in self._spares.items() if of == name}

    def fetch(self, name: str, places: Mapping[str, Place], load: Callable[[str, Place], Served]) -> None:
        """Load what may have to answer one day, in another thread; what cannot be loaded will not answer."""

        def work() -> None:
            for which, place in places.items():
                try:
                    served = load(name, place)
                except ModelwrightError:
                    continue
                self._soon(lambda which=which, served=served: self._arrived(name, which, served))  # type: ignore[misc]

        threading.Thread(target=work, name="spares", daemon=True).start()

    def breaker(self, served: Served) -> Breaker:
        key = (served.name, served.version, served.digest)
        if key not in self._breakers:
            self._breakers[key] = Breaker(clock=self._clock, changed=lambda state: self._changed(served.name, state))
        return self._breakers[key]

    # ------------------------------------------------------------ what the plane calls

    def _admits(self, served: Served) -> bool:
        return self.breaker(served).allow()

    def _succeeded(self, served: Served) -> None:
        self.breaker(served).succeeded()
        if all(breaker.closed for breaker in self._breakers.values()):
            self._breakers.clear()
            self._plane.admits = self._plane.on_success = None

    def _failed(self, served: Served, ask: Ask, error: Exception | None) -> Answer | None:
        """`error` is None where the circuit is open. None where nobody can answer."""
        if error is not None:
            code = error.code if isinstance(error, ModelwrightError) else type(error).__name__
            self._count("failed", (served.name, str(served.version), code))
            self._plane.admits, self._plane.on_success = self._admits, self._succeeded
            self.breaker(served).failed()
        for which in self._spec(served.name).fallback:
            if ask.deadline is not None and self._clock() >= ask.deadline:
                raise expired()
            why = "it fails again and again" if error is None else "it failed"
            answer = self._try(which, served, ask, f"{which} answers in place of the model: {why}")
            if answer is not None:
                self._count("degraded", (served.name, which))
                return answer
        return None

    # ------------------------------------------------------------ inside

    def _try(self, which: str, served: Served, ask: Ask, reason: str) -> Answer | None:
        try:
            if which == CONSTANT:
                value, shares = self._constant(served)
                return self._plane.answer_constant(served, ask, value, shares, reason)
            other = self._former(served.name) if which == LAST_GOOD else self._spares.get((served.name, which))
            if other is None or other is served:
                return None
            return self._plane.answer_by(other, ask, reason=reason)
        except Refused as refusal:
            if refusal.retryable:
                raise  # the log is full: nobody's answer can be given
            return None  # another version may know other columns
        except Exception:  # noqa: BLE001 - a fallback that fails leaves the next one
            return None

    def _constant(self, served: Served) -> tuple[Any, list[float] | None]:
        key = (served.name, served.version, served.digest)
        if key not in self._constants:
            self._constants[key] = constant_of(served, self._spec(served.name).constant)
        return self._constants[key]

    def _arrived(self, name: str, which: str, served: Served) -> None:
        if self._plane.log is not None:
            served.schema_number = self._plane.log.describe(served.schema)
        self._spares[name, which] = served

    def _changed(self, name: str, state: Circuit) -> None:
        if state is Circuit.OPEN:
            self._count("breaker_opened", (name,))


def constant_of(served: Served, said: str | float | None) -> tuple[Any, list[float] | None]:
    """The answer of last resort, as a class position or a value, with its probabilities.

    What the file says; else the target's own: the shares of the classes in training, of which the largest answers, or
    its median. Bundles that keep no trace of the target: what the model answers on average to its golden rows.
    """
    classes = served.signature.classes if served.signature.task.is_classification else ()
    if said is not None and classes:
        at = [str(one) for one in classes].index(str(said))
        return at, [float(place == at) for place in range(len(classes))]
    if said is not None:
        return float(said), None
    prior = read_prior(served.bundle.reference)
    if classes and all(str(one) in prior for one in classes):
        known = [prior[str(one)] for one in classes]
        return known.index(max(known)), [share / sum(known) for share in known]
    if not classes and "median" in prior:
        return prior["median"], None
    expected = served.bundle.golden()[1]
    if classes and expected.probabilities is not None:
        shares = expected.probabilities.mean(axis=0)
        shares = (shares / shares.sum()).tolist()
        return shares.index(max(shares)), shares
    if expected.values is not None:
        return float(statistics.median(expected.values.tolist())), None
    assert expected.labels is not None
    return int(statistics.mode(expected.labels.tolist())), None
