"""Expressions back to code, exactly as `ast.unparse` writes them; common shapes are written without its machinery."""

from __future__ import annotations

import ast
from typing import cast


def code_of(node: ast.AST) -> str:
    """Raises what `ast.unparse` raises: ValueError, AttributeError, RecursionError."""
    found = _quick(node, 0)
    return ast.unparse(node) if found is None else found


def _quick(node: ast.AST, depth: int) -> str | None:
    """None for a shape whose brackets or quotes need the whole machinery."""
    kind = type(node)
    if kind is ast.Name:
        return cast(ast.Name, node).id
    if depth > 20:
        return None
    if kind is ast.Constant:
        return _constant(cast(ast.Constant, node))
    if kind is ast.Attribute:
        attribute = cast(ast.Attribute, node)
        owner = _quick(attribute.value, depth + 1) if _is_plain(attribute.value) else None
        return None if owner is None else f"{owner}.{attribute.attr}"
    if kind is ast.Call:
        return _call(cast(ast.Call, node), depth + 1)
    if kind is ast.Subscript:
        return _subscript(cast(ast.Subscript, node), depth + 1)
    return None


def _is_plain(node: ast.AST) -> bool:
    return type(node) in {ast.Name, ast.Attribute, ast.Call, ast.Subscript}


def _constant(node: ast.Constant) -> str | None:
    value = node.value
    if type(value) is str:
        return repr(value) if node.kind is None else None
    return repr(value) if value is None or type(value) in {int, bool} else None


def _call(node: ast.Call, depth: int) -> str | None:
    name = _quick(node.func, depth) if _is_plain(node.func) else None
    if name is None:
        return None
    parts: list[str] = []
    for item in node.args:
        written = _quick(item, depth)
        if written is None:
            return None
        parts.append(written)
    for keyword in node.keywords:
        written = _quick(keyword.value, depth)
        if written is None or keyword.arg is None:
            return None
        parts.append(f"{keyword.arg}={written}")
    return f"{name}({', '.join(parts)})"


def _subscript(node: ast.Subscript, depth: int) -> str | None:
    name = _quick(node.value, depth) if _is_plain(node.value) else None
    within = None if name is None else _quick(node.slice, depth)
    return None if within is None else f"{name}[{within}]"
