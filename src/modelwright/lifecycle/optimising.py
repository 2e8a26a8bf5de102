"""From a bundle to a smaller or faster one: the largest model that keeps the limits, packaged behind the same gates.

The models that are tried follow from the bundle and the rows alone. Which of them keeps a limit of time is measured
on this machine, so two machines may stop at different ones; with a limit of size only, the bytes are the same anywhere.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelwright.core.digests import child_seed
from modelwright.core.errors import SpecError
from modelwright.core.nouns import Decision, Estimate
from modelwright.lifecycle.operation import Context, Progress
from modelwright.lifecycle.optimisation import evidence as evidences
from modelwright.lifecycle.optimisation import ladder
from modelwright.lifecycle.optimisation.evidence import Answers, DataAsked, Evidence
from modelwright.lifecycle.optimisation.ladder import Choosing, Rung
from modelwright.lifecycle.optimisation.packaging import Measured, Packed, estimated, measured, package

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from modelwright.registry.bundle import LoadedBundle

#: how often a model that seemed to keep the limits may turn out not to, once it is packaged
_TRIES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    latency_us: float | None = None
    size_mb: float | None = None

    def missed(self, one: Measured) -> list[str]:
        """What does not keep the limits, in words; empty where everything does."""
        found = []
        if self.latency_us is not None and one.latency_us > self.latency_us:
            found.append(f"a row takes {one.latency_us:,.0f} us, more than {self.latency_us:,.0f}")
        if self.size_mb is not None and one.size_bytes > self.size_mb * 1e6:
            found.append(f"it has {one.size_bytes / 1e6:.3g} MB, more than {self.size_mb:g}")
        return found

    def excess(self, one: Measured) -> float:
        """By how much the worse limit is missed, as a factor; 1 or less where both are kept."""
        factors = [1.0]
        if self.latency_us is not None:
            factors.append(one.latency_us / self.latency_us)
        if self.size_mb is not None:
            factors.append(one.size_bytes / (self.size_mb * 1e6))
        return max(factors)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimiseOrder:
    bundle: Path
    output: Path
    limits: Limits
    data: DataAsked
    hooks: tuple[str, ...] = ()
    register: str | None = None


def optimise(order: OptimiseOrder, context: Context) -> dict[str, Any]:
    """Make the smaller bundle and say what it cost. Raises SpecError, DataError or NotFoundError before anything is
    written; where no model keeps the limits nothing is written either, and the result says what was reached."""
    from modelwright.registry.bundle import load

    _check(order)
    _say(context, "verifying and probing the bundle")
    bundle = load(order.bundle, hooks=order.hooks)
    with tempfile.TemporaryDirectory(prefix="modelwright-") as cache:
        evidence = evidences.gather(bundle, order.bundle, order.data, context, Path(cache))
        return _Work(order=order, context=context, bundle=bundle, evidence=evidence).done()


def _check(order: OptimiseOrder) -> None:
    if order.limits.latency_us is None and order.limits.size_mb is None:
        raise SpecError(
            "There is no limit to keep.",
            code="optimize.no_limit",
            hint="add --max-latency-us N, --max-size-mb N, or both",
            subject="--max-latency-us",
        )
    if order.output.exists() or order.output.is_symlink():
        raise SpecError(
            f"There is something at '{order.output}' already, and a bundle is never overwritten.",
            code="optimize.exists",
            hint="name another folder: -o FOLDER",
            subject="--output",
        )


def _say(context: Context, message: str) -> None:
    context.progress(Progress(step="optimize", message=message))


@dataclass(slots=True, kw_only=True)
class _Work:
    """One optimisation under way. Half of the rows choose, the other half measures."""

    order: OptimiseOrder
    context: Context
    bundle: LoadedBundle
    evidence: Evidence

    def done(self) -> dict[str, Any]:
        from modelwright.evaluation.costs import charged

        with charged(self.evidence.request.evaluation.cost, self.bundle.signature.classes):
            return self._done()

    def _done(self) -> dict[str, Any]:
        before = self._before()
        base = measured(self.bundle, self.order.bundle, self.evidence)
        choosing = self._choosing(before)
        found, best = self._search(before, base, choosing)
        if found is None:
            return self._failed(before, base, choosing, best)
        rung, packed = found
        version = self._register(packed) if self.order.register else None
        return self._result(rung, packed, before, base, choosing, version)

    # ------------------------------------------------------------ models

    def _before(self) -> Answers | None:
        """What the bundle as it is honestly answers."""
        return ladder.honest(self.bundle.model, self.evidence) or self.evidence.told

    def _choosing(self, before: Answers | None) -> Choosing:
        import numpy as np

        from modelwright.evaluation.catalog import resolve

        request = self.evidence.request
        _, metric = resolve(request.metric, request.task)
        rows = np.arange(self.evidence.frame.height) if before is None else before.rows
        rng = np.random.default_rng(child_seed(request.seed, "optimise", "choosing"))
        return Choosing(metric=metric, rows=np.sort(rng.permutation(rows)[: rows.size // 2]))

    def _search(
        self, before: Answers | None, base: Measured, choosing: Choosing
    ) -> tuple[tuple[Rung, Packed] | None, tuple[Rung, Measured] | None]:
        """The packaged model that keeps the limits, or None; and the one that came nearest."""
        fitting, nearest = self._fitting(before, base, choosing)
        for rung in fitting[:_TRIES]:
            _say(self.context, f"packaging: {'; '.join(rung.steps) or 'as it is'}")
            said = self._said(rung, before, choosing)
            packed = package(rung, self.bundle, self.evidence, said, self.order.output, self.order.limits.missed)
            if not packed.missed:
                return (rung, packed), nearest
            if nearest is None or self.order.limits.excess(packed.measured) < self.order.limits.excess(nearest[1]):
                nearest = (rung, packed.measured)
        return None, nearest

    def _fitting(
        self, before: Answers | None, base: Measured, choosing: Choosing
    ) -> tuple[list[Rung], tuple[Rung, Measured] | None]:
        """Models that seem to keep the limits, the best first; and, of the others, the one that comes nearest."""
        found: list[Rung] = []
        nearest: tuple[Rung, Measured] | None = None
        for path in self._paths(before, choosing):
            kept = 0
            for rung in path:
                one = estimated(rung.model, self.evidence, base)
                missed = self.order.limits.missed(one)
                _say(self.context, f"{'; '.join(rung.steps) or 'as it is'}: {'; '.join(missed) or 'keeps the limits'}")
                if missed:
                    closer = nearest is None or self.order.limits.excess(one) < self.order.limits.excess(nearest[1])
                    nearest = (rung, one) if closer else nearest
                    continue
                found.append(rung)
                kept += 1
                if kept > 1:  # one more, should the first turn out too large when packaged
                    break
        scored = [(ladder.score(rung.answers, self.evidence, choosing), rung) for rung in found]
        scored.sort(key=lambda pair: float("inf") if pair[0] is None else -pair[0])
        return [rung for _, rung in scored], nearest

    def _paths(self, before: Answers | None, choosing: Choosing) -> Iterator[Iterator[Rung]]:
        from modelwright.lifecycle.optimisation.students import students

        yield ladder.rungs(self.bundle.model, self.evidence, choosing, self.evidence.told)
        if before is not None:
            yield students(self.bundle.model, self.evidence, before)

    # ------------------------------------------------------------ figures

    def _judged(self, one: Answers | None, choosing: Choosing) -> NDArray[np.int64] | None:
        """Rows that had no part in the choice and are answered."""
        import numpy as np

        return None if one is None else np.setdiff1d(one.rows, choosing.rows)

    def _estimate(self, one: Answers | None, choosing: Choosing) -> Estimate | None:
        from modelwright.evaluation.scores import estimate

        rows = self._judged(one, choosing)
        if one is None or rows is None or not rows.size:
            return None
        request, clusters = self.evidence.request, self.evidence.clusters
        found = estimate(
            self.evidence.y[rows],
            one.at(rows),
            [request.metric],
            level=self.evidence.level,
            seed=request.seed,
            clusters=None if clusters is None else clusters[rows],
        )
        return found[request.metric]

    def _cost(self, before: Answers | None, after: Answers | None, choosing: Choosing) -> Estimate | None:
        """After minus before on the same rows, signed so that more is better."""
        import numpy as np

        from modelwright.evaluation.comparison import compare

        if before is None or after is None:
            return None
        rows = np.setdiff1d(np.intersect1d(before.rows, after.rows), choosing.rows)
        if rows.size < 2:
            return None
        request, clusters = self.evidence.request, self.evidence.clusters
        return compare(
            self.evidence.y[rows],
            after.at(rows),
            before.at(rows),
            request.metric,
            against="before",
            level=self.evidence.level,
            seed=request.seed,
            clusters=None if clusters is None else clusters[rows],
        ).difference

    def _said(self, rung: Rung, before: Answers | None, choosing: Choosing) -> dict[str, Any]:
        """What is written into manifest and card: figures that are the same wherever they are computed."""
        return {
            "steps": rung.steps,
            "metric": self.evidence.request.metric,
            "source": self.evidence.source,
            "before": self._estimate(before, choosing),
            "after": self._estimate(rung.answers, choosing),
            "cost": self._cost(before, rung.answers, choosing),
        }

    def _result(
        self,
        rung: Rung,
        packed: Packed,
        before: Answers | None,
        base: Measured,
        choosing: Choosing,
        version: int | None,
    ) -> dict[str, Any]:
        said = self._said(rung, before, choosing)
        return {
            "met": True,
            "steps": list(rung.steps),
            "metric": said["metric"],
            "measured_on": said["source"],
            "before": _figures(base, said["before"], self.bundle.digest),
            "after": _figures(packed.measured, said["after"], packed.digest),
            "cost": msgspec.to_builtins(said["cost"]),
            "version": version,
            "notes": list(packed.notes),
            "paths": {"bundle": str(self.order.output)},
        }

    def _failed(
        self, before: Answers | None, base: Measured, choosing: Choosing, best: tuple[Rung, Measured] | None
    ) -> dict[str, Any]:
        reached: dict[str, Any] | None = None
        why = "there is nothing to make smaller in it"
        if best is not None:
            rung, one = best
            reached = {**_figures(one, self._estimate(rung.answers, choosing), ""), "steps": list(rung.steps)}
            why = "; ".join(self.order.limits.missed(one)) or why
        return {
            "met": False,
            "verdict": Decision.NEEDS_REWORK.value,
            "why": f"No model that was tried keeps the limits; of the nearest one, {why}.",
            "metric": self.evidence.request.metric,
            "measured_on": self.evidence.source,
            "before": _figures(base, self._estimate(before, choosing), self.bundle.digest),
            "reached": reached,
            "paths": {},
        }

    def _register(self, packed: Packed) -> int:
        """A new version that somebody still has to promote. Raises StateError on a name that cannot be one."""
        import os

        from modelwright.lifecycle.workspace import Workspace
        from modelwright.registry.versions import register

        assert self.order.register is not None
        space = Workspace(self.context.workspace, actor=self.context.actor, clock=self.context.clock)
        verdict, run = self.bundle.manifest.verdict, self.evidence.run
        rework = verdict is not None and verdict.decision is Decision.NEEDS_REWORK
        return register(
            space.journal(),
            self.order.register,
            bundle_digest=packed.digest,
            run_id="" if run is None else run.run_id,
            decision=Decision.NEEDS_REWORK if rework else Decision.CONDITIONAL,
            bundle_path=Path(os.path.relpath(self.order.output.absolute(), space.root)).as_posix(),
        ).version


def _figures(one: Measured, score: Estimate | None, digest: str) -> dict[str, Any]:
    return {
        "score": msgspec.to_builtins(score),
        "latency_us": one.latency_us,
        "scorers_us": one.scorers_us,
        "size_bytes": one.size_bytes,
        "digest": digest,
    }
