"""Rules whose examples lie in a text file beside them: read only when somebody asks, so that a review starts at once.

The file is `rules/examples/<rule file>.txt`; each example begins with a line
`#== fires RP301 [RP303 ...]: name` or `#== silent RP301: name`, and goes on to the next such line. `#-- NAME` lines
before the first example begin blocks that an example can put in front of itself by a line `#use NAME`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from modelwright.checks.code.facts import Facts
from modelwright.checks.code.nouns import CodeExample, CodeFinding, RuleInfo

_FOLDER = Path(__file__).parent / "rules" / "examples"
_HEAD = re.compile(r"^#== (fires|silent) ([A-Z0-9 ]+?)(?:: (.*))?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleWithTexts:
    """A Rule whose proof lies in `rules/examples/<stem>.txt`."""

    infos: tuple[RuleInfo, ...]
    run: Callable[[Facts], Iterable[CodeFinding]]
    stem: str
    folder: Path = field(default=_FOLDER)

    @property
    def examples(self) -> tuple[CodeExample, ...]:
        return read_examples(self.folder / f"{self.stem}.txt")


@lru_cache(maxsize=128)
def read_examples(file: Path) -> tuple[CodeExample, ...]:
    """The examples of one file. A silent one carries the code it is about at the front of its name."""
    blocks: dict[str, str] = {}
    found: list[CodeExample] = []
    block: str | None = None
    head: re.Match[str] | None = None
    lines: list[str] = []

    def close() -> None:
        text = "\n".join(lines).strip("\n") + "\n"
        if head is not None:
            fires = head[1] == "fires"
            codes = tuple(head[2].split()) if fires else ()
            name = head[3] or ""
            found.append(CodeExample(text=text, codes=codes, name=name if fires else f"{head[2]}: {name}"))
        elif block is not None:
            blocks[block] = text

    for line in file.read_text(encoding="utf-8").splitlines():
        start = _HEAD.match(line)
        if start is not None or line.startswith("#-- "):
            close()
            head, block, lines = start, None if start else line[4:].strip(), []
        elif line.startswith("#use "):
            lines.extend(blocks[line[5:].strip()].rstrip("\n").split("\n"))
        else:
            lines.append(line)
    close()
    return tuple(found)
