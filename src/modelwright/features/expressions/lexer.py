"""Cut the text of an expression into tokens that know their place."""

from __future__ import annotations

import re
from typing import NamedTuple

from modelwright.core.errors import SpecError

MAX_CHARACTERS = 2_000

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
      | (?P<name>[^\W\d]\w*)
      | (?P<quoted>`[^`\n]+`)
      | (?P<text>"[^"\\\n]*"|'[^'\\\n]*')
      | (?P<sign>\*\*|//|<=|>=|==|!=|[-+*/%<>(),])""",
    re.VERBOSE,
)
_ADVICE = {
    ".": "attributes are not part of the language; names with a dot go in backticks, such as `home.dest`",
    "[": "indexing is not part of the language",
    "{": "braces are not part of the language",
    "=": "compare with ==",
    "&": "write 'and'",
    "|": "write 'or'",
    "!": "write 'not' or '!='",
    "^": "powers are written **",
    "`": "close the backtick: `odd name`",
    '"': "close the quote; backslashes are not part of the language",
    "'": "close the quote; backslashes are not part of the language",
}


class Token(NamedTuple):
    kind: str  # number, name, quoted, text, sign, end
    text: str
    at: int  # 0-based


class ExpressionError(SpecError):
    """A SpecError at a place of the expression; the column is 1-based within its text."""

    def __init__(self, message: str, code: str, *, text: str, at: int, hint: str = "") -> None:
        line = text.replace("\n", " ")
        super().__init__(message, code=f"expression.{code}", hint=hint, line=1, column=at + 1, source_line=line)


def tokens(text: str) -> list[Token]:
    """Raises SpecError `expression.too_long`, `expression.syntax`."""
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(
            f"The expression has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read.",
            "too_long",
            text=text[:60],
            at=0,
            hint="split it into several derived columns, or use features.custom",
        )
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            sign = text[at]
            raise ExpressionError(
                f"'{sign}' does not belong here.",
                "syntax",
                text=text,
                at=at,
                hint=_ADVICE.get(sign, "arithmetic, comparisons, and/or/not, a if b else c, and functions are known"),
            )
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match.group(), at))
        at = match.end()
    found.append(Token("end", "", len(text)))
    return found
