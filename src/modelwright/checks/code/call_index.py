"""The calls of one file by the words that they are written and known by: a rule meets only those it asks for."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Set

from modelwright.checks.code.asking import tail
from modelwright.checks.code.names import Names

_WordsOf = Callable[[Names, ast.Call], tuple[str, ...]]


def calls_to(names: Names, *words: str) -> list[ast.Call]:
    """Calls written with one of these last words (`fit` of `a.b.fit(...)`), in the order of the text."""
    return _in_order(names, _places(names, "calls by tail", _tails, words))


def calls_known(names: Names, words: Iterable[str]) -> list[ast.Call]:
    """Calls whose canonical name ends in one of these words, whatever they are written as, in the order of the text."""
    return _in_order(names, _places(names, "calls by name", _last_words, words))


def calls_met(
    names: Names, *, to: Iterable[str] = (), known: Iterable[str] = (), given: Iterable[str] = ()
) -> list[ast.Call]:
    """Calls by last word, canonical last word or the name of an argument; each once, in the order of the text."""
    places = _places(names, "calls by tail", _tails, to) | _places(names, "calls by name", _last_words, known)
    return _in_order(names, places | _places(names, "calls by argument", _arguments, given))


def _in_order(names: Names, places: set[int]) -> list[ast.Call]:
    calls = names.calls
    return [calls[place] for place in sorted(places)]


def _places(names: Names, which: str, words_of: _WordsOf, words: Iterable[str]) -> set[int]:
    wanted = words if isinstance(words, Set) else set(words)
    if not wanted:
        return set()
    index = names.memo.get(which)
    if not isinstance(index, dict):
        index = names.memo[which] = _read(names, words_of)
    return {place for word in index.keys() & wanted for place in index[word]}


def _read(names: Names, words_of: _WordsOf) -> dict[str, list[int]]:
    index: dict[str, list[int]] = {}
    for place, call in enumerate(names.calls):
        for word in words_of(names, call):
            index.setdefault(word, []).append(place)
    return index


def _tails(names: Names, call: ast.Call) -> tuple[str, ...]:
    return (tail(call),)


def _last_words(names: Names, call: ast.Call) -> tuple[str, ...]:
    known = names.called(call)
    return () if known is None else (known.rpartition(".")[2],)


def _arguments(names: Names, call: ast.Call) -> tuple[str, ...]:
    return tuple(item.arg for item in call.keywords if item.arg)
