"""A program whose children write and seal prediction logs until somebody kills them.

It forks one child per line of standard input, so that a kill costs no start of Python: `write FOLDER NAME DURABILITY
SEED`, `seal FOLDER NOW_US POINT NTH` or `compact FOLDER NOW_US POINT NTH`. A writing child says its process id, then
after each commit how many of its records are acknowledged; a sealing one kills itself as it comes to POINT.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from functools import partial
from pathlib import Path
from queue import Queue

from modelwright.core.plugins import load_module
from modelwright.records import keeping, sealing
from modelwright.records.prediction import encode
from tests.unit.records.log_samples import AMOUNTS, SCHEMA, prediction


def write(folder: str, name: str, durability: str, seed: str) -> None:
    module = load_module("logs", "segments")
    module._RECORDS = 40  # kills are to come while segments are changed, too
    sizes = random.Random(int(seed))
    log = module.PLUGIN(Path(folder), durability=durability, sync_ms=2)
    say(f"{os.getpid()}")
    number = 0
    while True:
        schema = sizes.choice((SCHEMA, AMOUNTS))
        log.describe(schema)
        for _ in range(sizes.randrange(1, 8)):
            record = prediction(number, schema, count=sizes.randrange(1, 3), request_id=f"{name}-{number}")
            log.append(encode(record))
            number += 1
        position = log.commit()
        if durability == "disk":
            synced: Queue[str] = Queue()
            log.when_synced(position, partial(synced.put, ""), lambda error, put=synced.put: put(error.code))
            if problem := synced.get():
                say(f"failed {problem}")
                return
        say(f"{number}")


def die_at(point: str, nth: str):
    left = [int(nth)]

    def reached(name: str) -> None:
        if name == point:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    return reached


def seal(folder: str, now_us: str, point: str, nth: str) -> None:
    sealing.seal(Path(folder), int(now_us), reached=die_at(point, nth))


def compact(folder: str, now_us: str, point: str, nth: str) -> None:
    keeping.compact(Path(folder), int(now_us), grace_us=0, reached=die_at(point, nth))


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def main() -> None:
    for line in sys.stdin:
        verb, *arguments = line.split()
        child = os.fork()
        if not child:
            try:
                {"write": write, "seal": seal, "compact": compact}[verb](*arguments)
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        say(f"dead {os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}")


if __name__ == "__main__":
    main()
