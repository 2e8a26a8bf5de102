"""What stands in for `ast.unparse` and for a walk over all calls gives exactly what they give."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from modelwright.checks.code import asking, call_index, names, reviewing, writing

ODD = """
a = f('it\\'s', "two\\nlines", u'old', b'bytes', 1.0, 1e400, -1, ..., None, True, 10**20)
b = (x + y).z[1:2, ::3](*args, **kwargs)[i, j][(k,)](lambda q: q)(w := 3)
c = x[f(1)['k'](v=None, n=0)].T.g(f'{a!r:>{b}}', (yield), [1], {2}, {3: 4}, *d)
f((yield 1)); g(await_ := 2); (p, q)[0]; 1 .real; 1.5.hex(); 'text'.join(r); x['y'] = h(0); x[1:2] = h(0)
"""


def _texts() -> list[str]:
    folder = Path(writing.__file__).parent
    return [ODD, *(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py"))[:12])]


@pytest.mark.parametrize("text", _texts())
def test_code_is_written_as_unparse_writes_it(text: str) -> None:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.expr):
            assert writing.code_of(node) == ast.unparse(node)
        if isinstance(node, ast.stmt) and not hasattr(node, "body"):
            assert names.header(node) == ast.unparse(node)


@pytest.mark.parametrize("text", _texts())
def test_an_index_finds_what_a_walk_finds_in_the_same_order(text: str) -> None:
    known = names.Names.of(ast.parse(text))
    words = ("isinstance", "parse", "get", "next", "f", "search")
    by_tail = [call for call in known.calls if asking.tail(call) in words]
    assert call_index.calls_to(known, *words) == by_tail
    by_name = [call for call in known.calls if (known.called(call) or "").rpartition(".")[2] in words]
    assert call_index.calls_known(known, words) == by_name
    by_argument = [call for call in known.calls if {item.arg for item in call.keywords} & {"v", "key"}]
    either = [call for call in known.calls if call in by_tail or call in by_name or call in by_argument]
    assert call_index.calls_met(known, to=words, known=words, given=("v", "key")) == either


def test_what_stands_below_a_node_is_what_a_walk_meets() -> None:
    tree = ast.parse(Path(reviewing.__file__).read_text(encoding="utf-8"))
    known = names.Names.of(tree)
    leaves = (ast.expr_context, ast.operator, ast.boolop, ast.cmpop, ast.unaryop)
    for node in (tree, *known.functions, *known.calls):
        met = {id(part) for part in ast.walk(node) if not isinstance(part, leaves)}
        assert {id(part) for part in known.below(node)} == met
        first, end = known.span(node)
        assert end - first == len(met)
        assert all(known.is_inside(part, node) for part in known.below(node))
