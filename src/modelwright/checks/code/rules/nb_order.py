"""Notebooks that do not run from top to bottom: order, names that come later, cells that do not parse, old outputs."""

from __future__ import annotations

import ast
import builtins
import itertools
import re
from collections.abc import Iterator

from modelwright.checks.code.examples import RuleWithTexts
from modelwright.checks.code.facts import Facts, Rule, finding
from modelwright.checks.code.names import Names
from modelwright.checks.code.nouns import Cell, CodeFinding, Confidence, Kind, Place, RuleInfo
from modelwright.core.nouns import Severity

_INFOS = (
    RuleInfo(
        code="NB901",
        name="cells-run-out-of-order",
        severity=Severity.MEDIUM,
        why="The saved outputs come from another order of cells than the one on the page; a run from the "
        "top may give others.",
        fix="restart the kernel and run all cells before saving",
        source="Pimentel et al. 2019, A large-scale study about quality and reproducibility of Jupyter notebooks",
        per_file=True,
    ),
    RuleInfo(
        code="NB902",
        name="name-used-before-defined",
        severity=Severity.HIGH,
        why="Run from the top, the notebook stops here: the name is defined in a later cell only.",
        fix="move the defining cell up",
        source="Pimentel et al. 2019; pynblint",
    ),
    RuleInfo(
        code="NB903",
        name="not-parsed",
        severity=Severity.LOW,
        why="This part is no Python that the review can read; nothing was said about it.",
        fix="mend it, or delete it",
        source="Python language reference; magics and shell lines are left out before parsing",
    ),
    RuleInfo(
        code="NB904",
        name="stale-outputs",
        severity=Severity.INFO,
        why="Outputs without a run, or of a run that failed, say nothing about the code beside them.",
        fix="restart the kernel and run all cells, or clear the outputs",
        source="pynblint ('non-executed cells')",
        per_file=True,
    ),
)
_KNOWN = frozenset(dir(builtins)) | {
    "get_ipython",
    "display",
    "In",
    "Out",
    "_",
    "__",
    "___",
    "exit",
    "quit",
    "spark",
    "sc",
    "sqlContext",
    "dbutils",
}
_UNSEEN = re.compile(
    r"^\s*%(?:run|store|pylab|load\b|load_ext|sql|R\b)|globals\(\)|locals\(\)|\bexec\(|importnb|^%%(?!time|capture|timeit)",
    re.MULTILINE,
)


def _run(facts: Facts) -> Iterator[CodeFinding]:
    source = facts.source
    for line, why in source.problems:
        yield from _unparsed(facts, line, why)
    if source.kind is Kind.NOTEBOOK and source.cells:
        yield from _late_names(facts)
        yield from _order(facts)
        yield from _stale(facts)


def _unparsed(facts: Facts, line: int, why: str) -> Iterator[CodeFinding]:
    cell = facts.source.cell_at(line)
    place = Place(
        path=facts.source.path, line=line - (cell.first - 1 if cell else 0), cell=cell.number if cell else None
    )
    what = "This cell" if cell else "This line"
    yield CodeFinding(
        code="NB903",
        place=place,
        message=f"{what} could not be parsed ({why}), so it was not judged.",
        confidence=Confidence.PATTERN,
        statement=why,
        undecided=True,
    )


def _order(facts: Facts) -> Iterator[CodeFinding]:
    ran = [cell for cell in facts.source.cells if cell.execution_count is not None and cell.text.strip()]
    for above, below in itertools.pairwise(ran):
        assert above.execution_count is not None
        assert below.execution_count is not None
        if above.execution_count <= below.execution_count:
            continue
        shared = _matters(facts, above, below)
        message = (
            f"Cell {above.number} was run as number {above.execution_count}, cell {below.number} "
            f"below it as {below.execution_count}"
        )
        message += f"; both write {shared}." if shared else "."
        yield CodeFinding(
            code="NB901",
            place=Place(path=facts.source.path, line=1, cell=below.number),
            message=message,
            confidence=Confidence.LIKELY if shared else Confidence.PATTERN,
            severity=None if shared else Severity.LOW,
            statement="execution counts",
        )
        return


def _matters(facts: Facts, above: Cell, below: Cell) -> str:
    """A name that both cells write: what it held depends on the order."""
    written: list[set[str]] = []
    for cell in (above, below):
        names = {
            name.id
            for name in facts.names.nodes(ast.Name)
            if not isinstance(name.ctx, ast.Load)
            and facts.source.cell_at(name.lineno) is cell
            and isinstance(facts.names.scope(name), ast.Module)
        }
        written.append(names)
    both = sorted(name for name in written[0] & written[1] if len(name) > 2)
    return both[0] if both else ""


def _late_names(facts: Facts) -> Iterator[CodeFinding]:
    names, source = facts.names, facts.source
    if names.star_modules or _UNSEEN.search("\n".join(cell.text for cell in source.cells)):
        return
    first = _first_definitions(names)
    told: set[str] = set()
    for name in names.nodes(ast.Name):
        defined = first.get(name.id)
        if defined is None or defined <= name.lineno or not isinstance(name.ctx, ast.Load):
            continue
        if name.id in _KNOWN or name.id in told or not _runs_now(names, name):
            continue
        here, there = source.cell_at(name.lineno), source.cell_at(defined)
        if (
            here is None
            or there is None
            or here.number >= there.number
            or _in_lost_cell(source.cells, name.id, here.number)
        ):
            continue
        told.add(name.id)
        message = f"{name.id} is used in cell {here.number} and defined in cell {there.number} first."
        yield finding(facts, "NB902", name, message, Confidence.LIKELY)


def _first_definitions(names: Names) -> dict[str, int]:
    """The first line on which each name of the module is bound, in whatever way."""
    first: dict[str, int] = {}

    def note(name: str, line: int) -> None:
        first[name] = min(first.get(name, line), line)

    for node in names.nodes(ast.Name):
        if not isinstance(node.ctx, ast.Load):
            note(node.id, node.lineno)
    for kind in (ast.Import, ast.ImportFrom):
        for statement in names.nodes(kind):
            for alias in statement.names:  # type: ignore[attr-defined]
                note((alias.asname or alias.name).partition(".")[0], statement.lineno)
    for definition in (*names.functions, *names.nodes(ast.ClassDef)):
        note(definition.name, definition.lineno)
    for handler in names.nodes(ast.ExceptHandler):
        if handler.name:
            note(handler.name, handler.lineno)
    return first


def _runs_now(names: Names, node: ast.Name) -> bool:
    """Run when its cell runs: in no function or lambda, in no try, and not a comprehension's own variable."""
    for up in names.parents(node):
        if isinstance(up, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.Try | ast.ClassDef | ast.If):
            return False
        if isinstance(up, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            bound = {part.id for item in up.generators for part in ast.walk(item.target) if isinstance(part, ast.Name)}
            if node.id in bound:
                return False
    return True


def _in_lost_cell(cells: tuple[Cell, ...], name: str, before: int) -> bool:
    """A cell above that could not be read may define it."""
    return any(
        not cell.parsed and cell.number <= before and re.search(rf"\b{re.escape(name)}\b", cell.text) for cell in cells
    )


def _stale(facts: Facts) -> Iterator[CodeFinding]:
    unrun = [cell for cell in facts.source.cells if cell.outputs and cell.execution_count is None]
    failed = [
        cell
        for cell in facts.source.cells
        if any(re.match(r"\w+(?:Error|Exception|Interrupt): ", output) for output in cell.outputs)
    ]
    if not unrun and not failed:
        return
    cell = (unrun or failed)[0]
    parts = [f"{len(unrun)} cells show outputs without a run"] if unrun else []
    parts += [f"{len(failed)} show an error"] if failed else []
    yield CodeFinding(
        code="NB904",
        place=Place(path=facts.source.path, line=1, cell=cell.number),
        message=f"{', '.join(parts)}.".capitalize(),
        confidence=Confidence.PATTERN,
        statement="outputs",
    )


PLUGIN: Rule = RuleWithTexts(infos=_INFOS, run=_run, stem="nb_order")
