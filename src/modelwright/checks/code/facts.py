"""The evidence of a code rule, and what a rule is."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from modelwright.checks.code.nouns import CodeExample, CodeFinding, Confidence, Role, RuleInfo, Source, Step

if TYPE_CHECKING:
    from modelwright.checks.code.flow import Flow
    from modelwright.checks.code.names import Names


@dataclass(frozen=True, slots=True)
class Facts:
    """The evidence of a rule: one file, what its names mean, and where its rows flow."""

    source: Source
    names: Names
    role: Role
    flow: Flow
    #: names of files beside it, for rules such as `no pinned environment`
    beside: frozenset[str] = frozenset()
    #: versions of installed or pinned libraries, where known
    versions: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class Rule(Protocol):
    """One file in `checks/code/rules`; several codes where the family is tight. Never raises on odd code."""

    @property
    def infos(self) -> tuple[RuleInfo, ...]: ...

    @property
    def examples(self) -> tuple[CodeExample, ...]:
        """At least five that fire and five that stay silent for each code."""
        ...

    @property
    def run(self) -> Callable[[Facts], Iterable[CodeFinding]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFile:
    """The usual way to be a `Rule`."""

    infos: tuple[RuleInfo, ...]
    examples: tuple[CodeExample, ...]
    run: Callable[[Facts], Iterable[CodeFinding]]


def finding(facts: Facts, code: str, node: ast.AST, message: str, confidence: Confidence, **more: Any) -> CodeFinding:
    """A finding at a node, with its statement and function filled in; of what happens in a module that this file
    imports, at the call that leads there."""
    steps: tuple[Step, ...] = more.get("steps", ())
    home = facts.flow.abroad(node)
    if home is not None:
        there = home.source.place(node)
        more["steps"] = steps or (Step(text="here", place=there),)
        message = f"{message.rstrip('.')}, in {there.path}:{there.line}."
        node = facts.flow.site(node) or facts.source.tree
    if home is not None or any(each.place.path != facts.source.path for each in steps):
        more["fix"] = None
    statement, function = facts.names.standing(node)
    return CodeFinding(
        code=code,
        place=facts.source.place(node),
        message=message,
        confidence=confidence,
        statement=statement,
        function=function,
        **more,
    )
