"""Send dead letters again, each as a new attempt at the same event."""

from __future__ import annotations

from collections import Counter
from typing import Any

from modelwright.lifecycle.streaming.events import ID_HEADER, REPLAY_HEADER, DeadLetter, read_dead_letter
from modelwright.lifecycle.streaming.places import broker, shown
from modelwright.records.ports import Message

_AT_ONCE = 256
_GROUP = "modelwright-replay"


def replay(
    dead: str, to: str, *, codes: tuple[str, ...] = (), most: int | None = None, allow_open: bool = False
) -> dict[str, Any]:
    """Move letters from `dead` to `to`; those with other codes stay where they are. Raises AdapterError, SpecError."""
    source, target = broker(dead, allow_open=allow_open), broker(to, allow_open=allow_open)
    inlet = source.inlet(dead, _GROUP, {})
    try:
        outlet = target.outlet(to)
    except BaseException:
        inlet.close()
        raise
    sent: Counter[str] = Counter()
    kept = unreadable = 0
    left = most if most is not None else 1 << 60
    try:
        while left > 0:
            taken = inlet.take(min(_AT_ONCE, left), 1.0)
            if not taken:
                break
            chosen: list[tuple[Message, DeadLetter]] = []
            for message in taken:
                letter = read_dead_letter(message.body)
                if letter is None:
                    unreadable += 1
                elif codes and letter.error.code not in codes:
                    kept += 1
                else:
                    chosen.append((message, letter))
            left -= len(chosen)
            outlet.send([again(letter) for _, letter in chosen])
            inlet.done([message for message, _ in chosen])
            sent.update(letter.error.code for _, letter in chosen)
            if not chosen:
                break  # the rest is not wanted: it is given back when this closes
    finally:
        outlet.close()
        inlet.close()
    return {
        "sent": sum(sent.values()),
        "codes": dict(sorted(sent.items())),
        "kept": kept,
        "unreadable": unreadable,
        "from": shown(dead),
        "to": shown(to),
    }


def again(letter: DeadLetter) -> Message:
    """The event as it came, under a key that no broker has seen: a reused one would be dropped as a duplicate."""
    headers = letter.headers | {ID_HEADER: letter.event_id, REPLAY_HEADER: letter.id}
    return Message(key=f"{letter.event_id}#replay-{letter.id}", body=letter.body(), headers=headers)
