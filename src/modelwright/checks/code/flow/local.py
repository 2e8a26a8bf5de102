"""Functions and classes of the file itself: followed at each call, with arguments bound."""

from __future__ import annotations

import ast

from modelwright.checks.code.flow.arguments import Call
from modelwright.checks.code.flow.attributes import method_of
from modelwright.checks.code.flow.machine import DEPTH, VISITS, Machine, Scope, hint_of, is_target_name
from modelwright.checks.code.flow.rows import Root, whole
from modelwright.checks.code.flow.values import UNKNOWN, UNSET, Value, join
from modelwright.checks.code.library import role


def invoke(m: Machine, fn: Value, args: list[Value], keywords: dict[str, Value], site: ast.AST) -> Value:
    """Follow a local function or lambda; what is too deep or met too often is unknown."""
    node = fn.func
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return UNKNOWN
    m.called.add(node)
    seen = m.visits.get(node, 0)
    if len(m.bodies) >= DEPTH or m.bodies.count(node) >= 1 or seen >= VISITS:
        return _too_deep(args, keywords)
    m.visits[node] = seen + 1
    scope = Scope(fn.scope if isinstance(fn.scope, Scope) else m.module)
    given = [fn.receiver, *args] if fn.receiver is not None and not _is_static(node) else args
    bind(m, scope, node.args, [value for value in given if value is not None], keywords)
    return _run(m, node, scope, site)


def _run(m: Machine, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: Scope, site: ast.AST) -> Value:
    outer, m.scope = m.scope, scope
    world = m.names, m.module
    if m.abroad is not None:
        m.abroad.sites.setdefault(node, site)
        m.names, m.module = m.abroad.world(node)
    stack, m.stack = m.stack, (*m.stack, site)
    m.bodies.append(node)
    try:
        if isinstance(node, ast.Lambda):
            return m.evaluate(node.body)
        m.run(node.body)
    finally:
        m.bodies.pop()
        m.scope, m.stack = outer, stack
        m.names, m.module = world
    result = UNKNOWN
    for number, value in enumerate(scope.result[:6]):
        result = value if number == 0 else _joined(result, value)
    return result


def _joined(one: Value, two: Value) -> Value:
    if one.items is not None and two.items is not None and len(one.items) == len(two.items):
        return Value("tuple", items=[join(a, b) for a, b in zip(one.items, two.items, strict=True)])
    if one.items is not None and two.items is None:
        return one
    return join(one, two)


def _too_deep(args: list[Value], keywords: dict[str, Value]) -> Value:
    learned = UNKNOWN.learned
    for value in (*args, *keywords.values()):
        learned |= value.learned
    return Value("unknown", learned=learned)


def _is_static(node: ast.AST) -> bool:
    marks = getattr(node, "decorator_list", [])
    return any(isinstance(mark, ast.Name) and mark.id == "staticmethod" for mark in marks)


def bind(m: Machine, scope: Scope, spec: ast.arguments, args: list[Value], keywords: dict[str, Value]) -> None:
    """Parameters of one call: given, by default, or unknown with rows of their own."""
    names = [*spec.posonlyargs, *spec.args]
    defaults = dict(zip([part.arg for part in names[len(names) - len(spec.defaults) :]], spec.defaults, strict=False))
    for part, value in zip(names, args, strict=False):
        scope.vars[part.arg] = value
    if spec.vararg is not None:
        scope.vars[spec.vararg.arg] = Value("tuple", items=args[len(names) :])
    extra = dict(keywords)
    kwonly = dict(zip([part.arg for part in spec.kwonlyargs], spec.kw_defaults, strict=False))
    for part in (*names, *spec.kwonlyargs):
        if part.arg in extra:
            scope.vars[part.arg] = extra.pop(part.arg)
        if part.arg in scope.vars:
            continue
        default = defaults.get(part.arg) or kwonly.get(part.arg)
        found = m.seen.get(default) if default is not None else None
        scope.vars[part.arg] = found if found is not None else parameter(part)
    if spec.kwarg is not None:
        scope.vars[spec.kwarg.arg] = Value("dict", table=dict(extra))


def parameter(part: ast.arg) -> Value:
    root = Root("parameter", part.arg, part, hint_of(part.arg))
    return Value("unknown", rows=whole(root), node=part, target=is_target_name(part.arg))


def construct(m: Machine, cls: Value, args: list[Value], keywords: dict[str, Value], site: ast.AST) -> Value:
    """An object of a local class; what library class it descends from decides what it is."""
    library = descent(cls)
    kind = "object"
    if any(name in {"torch.nn.Module", "lightning.pytorch.LightningModule"} or role(name) == "net" for name in library):
        kind = "module"
    elif any(name.startswith(("torch.utils.data.", "keras.utils.Sequence")) for name in library):
        kind = "object"
    new = m.new(kind, library[0] if library else "", site, scope=cls, attrs={}, func=cls.func)
    new.params = {str(number): value for number, value in enumerate(args)} | keywords
    init = method_of(cls, "__init__")
    if init is not None:
        invoke(m, init.copy(receiver=new), args, keywords, site)
    elif "dataclass" in _marks(cls.func):
        _fields(new, cls, args, keywords)
    if kind == "object" and any("Dataset" in name or "Sequence" in name for name in library):
        held = [*args, *keywords.values(), *(new.attrs or {}).values()]
        rows = [value for value in held if value.rows and value.kind != "unknown"]
        if rows:  # a data set is the rows that it holds
            learned = frozenset(learn for value in rows for learn in value.all_learned)
            marks = frozenset(flag for value in rows for flag in value.flags & {"windows", "lag", "window"})
            return rows[0].copy(
                flags=rows[0].flags | marks,
                kind="tensor",
                attrs=new.attrs,
                scope=cls,
                func=cls.func,
                const=UNSET,
                learned=learned,
                cols=None,
            )
    return new


def _fields(new: Value, cls: Value, args: list[Value], keywords: dict[str, Value]) -> None:
    fields = [
        part.target.id
        for part in cls.func.body
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
    ]
    new.attrs = {**dict(zip(fields, args, strict=False)), **keywords}


def _marks(node: ast.ClassDef) -> set[str]:
    found = set()
    for mark in node.decorator_list:
        inner = mark.func if isinstance(mark, ast.Call) else mark
        found.add(inner.attr if isinstance(inner, ast.Attribute) else getattr(inner, "id", ""))
    return found


def descent(cls: Value) -> tuple[str, ...]:
    """The library classes that a local class descends from."""
    found: list[str] = []
    todo, met = [cls], 0
    while todo and met < 12:
        met += 1
        current = todo.pop(0)
        found.extend(current.const if isinstance(current.const, tuple) else ())
        todo.extend(current.members)
    return tuple(dict.fromkeys(found))


def run_uncalled(m: Machine) -> None:
    """Functions that nobody here calls are followed once, with parameters of their own."""
    for cls in m.names.nodes(ast.ClassDef):
        methods = [part for part in cls.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)]
        left = [part for part in methods if part not in m.called]
        found = _find_class(m, cls)
        if not left or found is None or m.budget < 2000:
            continue
        made = construct(m, found, [], {}, cls)
        made = made if made.kind in {"object", "module"} else Value("object", scope=found, attrs={}, func=cls)
        for part in left:
            if part not in m.called and part.name != "__init__" and not part.name.startswith("__"):
                fn = Value("function", func=part, scope=found.scope, receiver=made)
                invoke(m, fn, [], {}, part)
    for node in m.names.functions:
        if node not in m.called and m.budget > 2000 and not isinstance(m.names.parent(node), ast.ClassDef):
            invoke(m, Value("function", func=node, scope=m.module), [], {}, node)


def _find_class(m: Machine, node: ast.ClassDef) -> Value | None:
    found = m.module.vars.get(node.name)
    return found if found is not None and found.kind == "class" and found.func is node else None


def inherited(m: Machine, c: Call, base: Value, name: str) -> Value | None:
    """Methods that a local class has from a library: `fit_transform` of a mixin, `fit` of a parent."""
    if name == "fit_transform":
        fitted, apply = method_of(base, "fit"), method_of(base, "transform")
        if fitted is not None and apply is not None:
            invoke(m, fitted.copy(receiver=base), c.args, c.keywords, c.node)
            return invoke(m, apply.copy(receiver=base), c.args[:1], {}, c.node)
    return None
