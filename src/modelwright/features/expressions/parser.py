"""Parse and type-check an expression: operator precedence is Python's, and nothing but the language gets through."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from modelwright.core.errors import did_you_mean
from modelwright.core.nouns import ColumnType
from modelwright.features.expressions.function import Function
from modelwright.features.expressions.functions import FUNCTIONS, OPERATORS
from modelwright.features.expressions.lexer import ExpressionError, Token, tokens
from modelwright.features.expressions.nodes import TEXTS, Call, Literal, Node, Read, family
from modelwright.features.values import microseconds, moment

MAX_NESTING = 40
MAX_DEPTH = 150
MAX_NODES = 400
MAX_EXPONENT = 100.0
_COMPARISONS = ("==", "!=", "<=", ">=", "<", ">")
_WORDS = ("and", "or", "not", "if", "else", "in", "is", "for", "lambda", "None")


class Parser:
    """One expression; `expression()` is the entry."""

    def __init__(self, text: str, known: Mapping[str, ColumnType]) -> None:
        self._text = text
        self._known = known
        self._tokens = tokens(text)
        self._at = 0
        self._nesting = 0
        self._nodes = 0

    def parse(self) -> Node:
        if self._peek().kind == "end":
            raise self._mistake("The expression is empty.", "empty", 0, "write one, such as price / area")
        node = self._ternary()
        left = self._peek()
        if left.kind != "end":
            raise self._mistake(
                f"'{left.text}' is not expected here.",
                "syntax",
                left.at,
                "join values by an operator such as + or 'and'",
            )
        return node

    # ---- grammar, loosest binding first

    def _ternary(self) -> Node:
        self._enter()
        yes = self._or()
        if self._word("if"):
            at = self._previous().at
            condition = self._or()
            if not self._word("else"):
                raise self._mistake("'if' needs an 'else'.", "syntax", at, "write a if condition else b")
            yes = self._call(OPERATORS["if"], (condition, yes, self._ternary()), at)
        self._nesting -= 1
        return yes

    def _or(self) -> Node:
        node = self._and()
        while self._word("or"):
            at = self._previous().at
            node = self._call(OPERATORS["or"], (node, self._and()), at)
        return node

    def _and(self) -> Node:
        node = self._not()
        while self._word("and"):
            at = self._previous().at
            node = self._call(OPERATORS["and"], (node, self._not()), at)
        return node

    def _not(self) -> Node:
        if not self._word("not"):
            return self._comparison()
        self._enter()
        at = self._previous().at
        node = self._call(OPERATORS["not"], (self._not(),), at)
        self._nesting -= 1
        return node

    def _comparison(self) -> Node:
        left = self._sum()
        result: Node | None = None
        while True:
            at = self._peek().at
            if self._sign(*_COMPARISONS):
                name = self._previous().text
                right = self._sum()
                part: Node = self._call(OPERATORS[name], (left, right), at)
                left = right
            elif self._is_membership():
                part = self._membership(left, at)
            else:
                return left if result is None else result
            result = part if result is None else self._call(OPERATORS["and"], (result, part), at)

    def _is_membership(self) -> bool:
        first, second = self._peek(), self._tokens[min(self._at + 1, len(self._tokens) - 1)]
        return first[:2] == ("name", "in") or (first[:2] == ("name", "not") and second[:2] == ("name", "in"))

    def _membership(self, left: Node, at: int) -> Node:
        negated = self._word("not")
        self._word("in")
        self._expect("(", "a list of values stands in brackets: x in ('a', 'b')")
        options = self._arguments()
        if not options:
            raise self._mistake("The list after 'in' is empty.", "syntax", at, "write x in ('a', 'b')")
        node: Node = self._call(OPERATORS["=="], (left, options[0]), at)
        for option in options[1:]:
            node = self._call(OPERATORS["or"], (node, self._call(OPERATORS["=="], (left, option), at)), at)
        return self._call(OPERATORS["not"], (node,), at) if negated else node

    def _sum(self) -> Node:
        node = self._term()
        while self._sign("+", "-"):
            token = self._previous()
            node = self._call(OPERATORS[token.text], (node, self._term()), token.at)
        return node

    def _term(self) -> Node:
        node = self._unary()
        while self._sign("*", "/", "//", "%"):
            token = self._previous()
            node = self._call(OPERATORS[token.text], (node, self._unary()), token.at)
        return node

    def _unary(self) -> Node:
        if not self._sign("-", "+"):
            return self._power()
        self._enter()
        token = self._previous()
        inner = self._unary()
        self._nesting -= 1
        if token.text == "+":
            self._check(OPERATORS["negative"], (inner,), token.at)
            return inner
        if isinstance(inner, Literal) and isinstance(inner.value, float) and inner.type is ColumnType.NUMBER:
            return Literal(-inner.value, inner.type, token.at)
        return self._call(OPERATORS["negative"], (inner,), token.at)

    def _power(self) -> Node:
        node = self._atom()
        if not self._sign("**"):
            return node
        at = self._previous().at
        exponent = self._unary()
        value = exponent.value if isinstance(exponent, Literal) else 0.0
        if isinstance(value, float) and abs(value) > MAX_EXPONENT:
            raise self._mistake(
                f"The exponent {value:g} is too large.", "exponent", exponent.at, f"use at most {MAX_EXPONENT:g}"
            )
        return self._call(OPERATORS["**"], (node, exponent), at)

    def _atom(self) -> Node:
        token = self._peek()
        self._at += token.kind != "end"
        if token.kind == "number":
            return self._number(token)
        if token.kind == "text":
            return self._quote(token)
        if token.kind == "quoted":
            return self._column(token.text[1:-1], token.at)
        if token.kind == "name" and token.text not in _WORDS:
            return self._name(token)
        if token.text == "(":
            node = self._ternary()
            self._expect(")", "close the bracket")
            return node
        if token.text == "None":
            raise self._mistake("None is not part of the language.", "syntax", token.at, "ask is_missing(x)")
        what = f"'{token.text}'" if token.text else "the end"
        raise self._mistake(f"A value is expected before {what}.", "syntax", token.at, "add a column or a number")

    def _number(self, token: Token) -> Node:
        value = float(token.text)
        if not math.isfinite(value):
            raise self._mistake(f"The number {token.text} is too large.", "number", token.at, "stay below 1e308")
        self._count(token.at)
        return Literal(value, ColumnType.NUMBER, token.at)

    def _quote(self, token: Token) -> Node:
        if token.text in ('""', "''"):
            raise self._mistake("An empty text is a missing value.", "syntax", token.at, "ask is_missing(x)")
        self._count(token.at)
        return Literal(token.text[1:-1], ColumnType.CATEGORY, token.at)

    def _name(self, token: Token) -> Node:
        if self._peek().text == "(" and self._peek().kind == "sign":
            self._at += 1
            return self._function(token)
        if token.text in ("True", "False") and token.text not in self._known:
            self._count(token.at)
            return Literal(float(token.text == "True"), ColumnType.BOOLEAN, token.at)
        return self._column(token.text, token.at)

    def _column(self, name: str, at: int) -> Node:
        if name not in self._known:
            hint = did_you_mean(name, self._known)
            if name in FUNCTIONS:
                hint = f"{name} is a function: write {name}(...)"
            raise self._mistake(f"There is no column named '{name}'.", "unknown_column", at, hint)
        self._count(at)
        return Read(name, self._known[name], at)

    def _function(self, token: Token) -> Node:
        arguments = self._arguments()
        if token.text in ("col", "date"):
            value = arguments[0].value if len(arguments) == 1 and isinstance(arguments[0], Literal) else None
            if not isinstance(value, str):
                example = 'col("odd name")' if token.text == "col" else 'date("2024-01-31")'
                raise self._mistake(f"{token.text}() takes one quoted text.", "arguments", token.at, f"write {example}")
            return self._column(value, token.at) if token.text == "col" else self._date(value, token.at)
        if token.text not in FUNCTIONS:
            known = [*FUNCTIONS, "col", "date"]
            raise self._mistake(
                f"There is no function named '{token.text}'.",
                "unknown_function",
                token.at,
                did_you_mean(token.text, known),
            )
        return self._call(FUNCTIONS[token.text], arguments, token.at)

    def _date(self, value: str, at: int) -> Node:
        found = moment(value)
        if found is None:
            raise self._mistake(f"'{value}' is not a date.", "date", at, 'write date("2024-01-31")')
        return Literal(microseconds(found), ColumnType.DATETIME, at)

    def _arguments(self) -> tuple[Node, ...]:
        """After the opening bracket, through the closing one."""
        found: list[Node] = []
        if self._sign(")"):
            return ()
        while True:
            found.append(self._ternary())
            if self._sign(","):
                continue
            self._expect(")", "separate values by commas and close the bracket")
            return tuple(found)

    # ---- types

    def _call(self, function: Function, arguments: Sequence[Node], at: int) -> Node:
        self._check(function, arguments, at)
        self._count(at)
        depth = 1 + max(argument.depth for argument in arguments)
        if depth > MAX_DEPTH:
            raise self._mistake("The expression is nested too deeply.", "too_deep", at, "split it into several columns")
        kind = function.gives
        if kind is None:
            kinds = [argument.type for argument in arguments[1 if function.name == "if" else 0 :]]
            kind = kinds[-1]
            if kind in TEXTS and ColumnType.TEXT in kinds:
                kind = ColumnType.TEXT
            elif set(kinds) == {ColumnType.NUMBER, ColumnType.BOOLEAN}:
                kind = ColumnType.NUMBER
        return Call(function, tuple(arguments), kind, at, depth)

    def _check(self, function: Function, arguments: Sequence[Node], at: int) -> None:
        count = len(arguments)
        if not function.least <= count <= function.most:
            wanted = str(function.least) if function.least == function.most else f"{function.least}-{function.most}"
            raise self._mistake(
                f"{function.name}() takes {wanted} values, not {count}.", "arguments", at, "add or remove values"
            )
        for position, argument in enumerate(arguments):
            takes = function.takes[min(position, len(function.takes) - 1)]
            first = arguments[min(len(function.takes), count) - 1]
            self._check_one(function, argument, takes, first)

    def _check_one(self, function: Function, argument: Node, takes: str, first: Node) -> None:
        have = family(argument.type)
        allowed = {
            "any": True,
            "number": have in ("number", "boolean"),
            "ordered": have in ("number", "boolean", "datetime") and _alike(have, family(first.type)),
            "same": _alike(have, family(first.type)),
            "literal": isinstance(argument, Literal) and isinstance(argument.value, str),
        }.get(takes, have == takes)
        if allowed:
            return
        wanted = {
            "ordered": "numbers or dates of the same type",
            "same": f"{family(first.type)} values on both sides",
            "literal": "a quoted text",
        }.get(takes, f"a {takes}")
        what = f"'{argument.name}' is {have}" if isinstance(argument, Read) else f"this is {have}"
        raise self._mistake(
            f"'{function.name}' takes {wanted}, but {what}.", "type", argument.at, _advice(takes, have, argument)
        )

    # ---- tokens

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _previous(self) -> Token:
        return self._tokens[self._at - 1]

    def _word(self, word: str) -> bool:
        hit = self._peek()[:2] == ("name", word)
        self._at += hit
        return hit

    def _sign(self, *signs: str) -> bool:
        token = self._peek()
        hit = token.kind == "sign" and token.text in signs
        self._at += hit
        return hit

    def _expect(self, sign: str, hint: str) -> None:
        if not self._sign(sign):
            token = self._peek()
            found = f"'{token.text}'" if token.text else "the end"
            raise self._mistake(f"'{sign}' is expected before {found}.", "syntax", token.at, hint)

    def _enter(self) -> None:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise self._mistake(
                "The expression is nested too deeply.", "too_deep", self._peek().at, "split it into several columns"
            )

    def _count(self, at: int) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self._mistake("The expression is too long.", "too_long", at, "split it into several columns")

    def _mistake(self, message: str, code: str, at: int, hint: str) -> ExpressionError:
        return ExpressionError(message, code, text=self._text, at=at, hint=hint)


def _alike(one: str, other: str) -> bool:
    return one == other or {one, other} == {"number", "boolean"}


def _advice(takes: str, have: str, argument: Node) -> str:
    if have == "datetime" and takes == "number":
        return "use days_between(start, end) or a part such as year(x)"
    if have == "text" and isinstance(argument, Read):
        return f"use length({argument.name}), or list '{argument.name}' under features.numerical if it measures"
    if takes == "boolean":
        return "compare it with something, such as x > 0"
    if takes == "datetime":
        return 'give a column of dates, or date("2024-01-31")'
    return "change the value or the function"
