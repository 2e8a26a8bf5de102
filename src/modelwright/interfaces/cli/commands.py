"""The command tree, made from the operation table: file names are command words, first lines are help.

Nothing of an operation is imported here, so that help stays fast.
"""

from __future__ import annotations

from modelwright.core.errors import SpecError, did_you_mean
from modelwright.core.plugins import listings

#: the order of the main job; everything else follows by name
_FIRST = ("init", "check", "profile", "run", "review", "explain", "predict", "runs", "models", "data", "why")


def commands() -> dict[tuple[str, ...], str]:
    """Command words -> one-line help."""
    return {tuple(one.name.split("_")): one.summary for one in listings("operations")}


def operation_name(words: tuple[str, ...]) -> str:
    return "_".join(words)


def split_command(arguments: list[str]) -> tuple[tuple[str, ...], list[str]]:
    """The longest beginning that is a command, and what follows it. Raises SpecError (`usage.command`)."""
    known = commands()
    words = tuple(arguments[: next((i for i, a in enumerate(arguments) if a.startswith("-")), len(arguments))])
    for size in range(min(3, len(words)), 0, -1):
        if words[:size] in known:
            return words[:size], arguments[size:]
    raise unknown(words, known)


def unknown(words: tuple[str, ...], known: dict[tuple[str, ...], str]) -> SpecError:
    """The error for words that are no command: nearest first, or what a group offers."""
    below = [other for other in known if words and other[: len(words[:1])] == words[:1]]
    if below:
        typed = " ".join(words[: max(len(other) for other in below)])
        names = [" ".join(other) for other in below]
        if len(words) == 1:
            hint = " | ".join(f"modelwright {name}" for name in names)
            return SpecError(f"'{words[0]}' needs one more word.", code="usage.command", hint=hint, subject=words[0])
        return SpecError(
            f"There is no command '{typed}'.", code="usage.command", hint=did_you_mean(typed, names), subject=typed
        )
    typed = words[0] if words else ""
    hint = did_you_mean(typed, [other[0] for other in known]) + "; see `modelwright --help`"
    return SpecError(f"There is no command '{typed}'.", code="usage.command", hint=hint, subject=typed)


def group_below(words: tuple[str, ...]) -> dict[tuple[str, ...], str]:
    """The commands that begin with these words and have more."""
    return {
        other: help_ for other, help_ in commands().items() if len(other) > len(words) and other[: len(words)] == words
    }


def overview(words: tuple[str, ...] = ()) -> str:
    """The help text of the whole program, or of one group of commands."""
    known = group_below(words) if words else commands()
    order = {name: place for place, name in enumerate(_FIRST)}
    ranked = sorted(known, key=lambda other: (order.get(other[0], len(order)), other))
    width = max((len(" ".join(other)) for other in ranked), default=0)
    lines = [f"  {' '.join(other):<{width}}  {known[other]}".rstrip() for other in ranked]
    title = "modelwright: from a table and a target to a reviewed model bundle"
    start = (
        []
        if words
        else ["", "start here:", "  modelwright init data.csv --target COLUMN", "  modelwright run pipeline.yaml"]
    )
    head = [title, *start, "", "commands: (each has --help)"] if not words else [f"modelwright {' '.join(words)}:", ""]
    tail = [
        "",
        "with every command:",
        "  --json           print exactly one JSON object on standard output",
        "  --workspace DIR  where runs and models are kept (default: .modelwright next to the pipeline file)",
        "  --quiet          no progress",
        "  --no-color       plain text",
        "",
        "exit codes: 0 done, 1 failed, 2 a mistake in the file, data or command, 3 NEEDS REWORK, 130 interrupted",
    ]
    return "\n".join([*head, *lines, *tail]) + "\n"
