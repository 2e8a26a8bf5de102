"""Sets of pictures and the like: one set's parts by name, or folders of files."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from modelwright.checks.code.flow.machine import Machine, hint_of
from modelwright.checks.code.flow.rows import cut
from modelwright.checks.code.flow.values import UNKNOWN, Value

if TYPE_CHECKING:
    from modelwright.checks.code.flow.arguments import Call


def torch_set(m: Machine, c: Call, name: str) -> Value:
    """One root for a data set's name: `train=True` and `train=False` are its two parts."""
    if name.endswith(("ImageFolder", "DatasetFolder")):
        return _folder(m, c, name)
    train = c.const("train", True)
    split = c.const("split")
    root = m._cache.get(("torchset", name))
    base = m.fresh("tensor", c.node, how="load", name=name)
    if root is None:
        root = m._cache["torchset", name] = base.rows
    side = {"test": "test", "val": "valid", "valid": "valid"}.get(str(split), "train" if train is not False else "test")
    return base.copy(rows=cut(root, ("load", name), side, "split"))


def _folder(m: Machine, c: Call, name: str) -> Value:
    """Pictures of a folder: rows of their own, whose side the folder's name tells."""
    given = c.get(0, "root")
    path = given.const if given is not None and isinstance(given.const, str) else ""
    written = next(iter(c.node.args), None) or next(
        (part.value for part in c.node.keywords if part.arg == "root"), None
    )
    words = [path] if path else [part.id for part in ast.walk(written or c.node) if isinstance(part, ast.Name)]
    words += [str(part.value) for part in ast.walk(written or c.node) if isinstance(part, ast.Constant)]
    hint = next((said for word in reversed(words) if (said := hint_of(word.rstrip("/").rpartition("/")[2]))), "")
    return m.fresh("tensor", c.node, how="load", name=path or name, hint=hint)


def join_path(m: Machine, c: Call, name: str) -> Value:
    """`os.path.join(root, "train")`: what the last piece says of its rows."""
    last = c.args[-1] if c.args else UNKNOWN
    return Value("scalar", const=last.const) if isinstance(last.const, str) else Value("scalar")
