"""Where rows flow in one file: what was learned from which, and where it was judged."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from modelwright.checks.code.flow import calls, comprehensions, expressions, local, statements
from modelwright.checks.code.flow.abroad import Abroad, Home
from modelwright.checks.code.flow.machine import ExhaustedError, Machine
from modelwright.checks.code.flow.rows import Cut, Part, Root, Rows
from modelwright.checks.code.flow.values import Fit, Judge, Learn, Predict, Split, Use, Value
from modelwright.checks.code.neighbours import may_follow

if TYPE_CHECKING:
    from modelwright.checks.code.names import Names
    from modelwright.checks.code.neighbours import Neighbours
    from modelwright.checks.code.nouns import Source

expressions.HANDLERS.update(
    dict.fromkeys((ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp), comprehensions.run)
)


class Flow:
    """The flow of one file, worked out when first asked for; never raises on odd code, and its work is bounded."""

    def __init__(self, source: Source, names: Names, near: Neighbours | None = None) -> None:
        self.source = source
        self.names = names
        self._near = near
        self._abroad: Abroad | None = None
        self.complete = True  # False: the budget was spent, or something odd stopped the reading
        self.trouble = ""
        self._machine: Machine | None = None

    @classmethod
    def of(cls, source: Source, names: Names, near: Neighbours | None = None) -> Flow:
        """`near`: modules that the file may import from beside it."""
        return cls(source, names, near)

    @property
    def machine(self) -> Machine:
        if self._machine is None:
            self._machine = m = Machine(self.source, self.names)
            m.evaluate, m.run = partial(expressions.evaluate, m), partial(statements.run_block, m)
            m.bind, m.invoke = partial(statements.assign, m), partial(calls.invoke, m)
            m.follow, m.unknown = partial(local.invoke, m), partial(calls.unknown, m)
            self._run(m)
        return self._machine

    def abroad(self, node: ast.AST) -> Home | None:
        """The module beside this file that a node stands in; None for this file's own nodes."""
        return None if self._abroad is None else self._abroad.home(node)

    def site(self, node: ast.AST) -> ast.AST | None:
        """The call or import of this file that led to a node of another module."""
        return node if self._abroad is None else self._abroad.site(node)

    def _run(self, m: Machine) -> None:
        if self._near is not None and may_follow(self.source, self.names):
            m.abroad = self._abroad = Abroad(m)
            self._guarded(m, partial(self._abroad.bind, self.names, self._near, m.module))
            m.reset()
        for statement in self.source.tree.body:
            self._guarded(m, partial(statements.run_block, m, [statement]))
            m.reset()
            if m.budget < 0:
                break
        self._guarded(m, partial(local.run_uncalled, m))
        m.reset()

    def _guarded(self, m: Machine, work: Callable[[], None]) -> None:
        try:
            work()
        except ExhaustedError:
            self.complete, self.trouble = False, "too much to follow"
        except RecursionError:
            self.complete, self.trouble = False, "nested too deeply"
        except Exception as error:  # noqa: BLE001  odd code must cost a statement its proof, never the review
            self.complete, self.trouble = False, f"{type(error).__name__}: {error}"

    def value(self, node: ast.AST) -> Value | None:
        """What is known of an expression when it was last evaluated."""
        return self.machine.seen.get(node)

    @property
    def learns(self) -> list[Learn]:
        return self.machine.learns

    @property
    def fits(self) -> list[Fit]:
        return self.machine.fits

    @property
    def predicts(self) -> list[Predict]:
        return self.machine.predicts

    @property
    def judges(self) -> list[Judge]:
        return self.machine.judges

    @property
    def splits(self) -> list[Split]:
        return self.machine.splits

    @property
    def targets(self) -> set[tuple[Root, str]]:
        """Columns that some fit or split used as the target."""
        return self.machine.targets

    @property
    def uses(self) -> list[Use]:
        return self.machine.uses


__all__ = ["Cut", "Fit", "Flow", "Judge", "Learn", "Part", "Predict", "Root", "Rows", "Split", "Use", "Value"]
