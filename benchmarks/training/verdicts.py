"""From the cells to tables in Markdown: who wins where, by how much, and what it cost. Nothing is left out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import scoring

Cell = dict[str, Any]
#: what rivals are counted against us; the second one is the better of the two on each table, which flatters it
PRESETS = ("autogluon-medium", "autogluon-best")
BETTER = "autogluon, better of both"


def read(results: Path) -> list[Cell]:
    cells = []
    for path in sorted(results.glob("*/*.json")):
        cell = json.loads(path.read_text(encoding="utf-8"))
        cell["answers"] = path.with_suffix(".npy")
        cells.append(cell)
    return cells


def _lead(ours: Cell, theirs: Cell) -> tuple[float, float]:
    """(lead, standard error) of two finished cells on the same test rows."""
    about = ours["cell"]
    y = scoring.truth(Path(about["test"]), about["target"], about["classes"])
    return scoring.lead(about["metric"], y, np.load(ours["answers"]), np.load(theirs["answers"]))


class Duel:
    """Ours against one rival on one table, over seeds: mean lead, its standard error, relative gap."""

    def __init__(self, table: str, pairs: Iterable[tuple[Cell, Cell]]) -> None:
        self.table = table
        leads, errors, gaps, lost, won = [], [], [], 0, 0
        for ours, theirs in pairs:
            if not ours["ok"] or not theirs["ok"]:
                lost += not ours["ok"] and theirs["ok"]
                won += ours["ok"] and not theirs["ok"]
                continue
            lead, se = _lead(ours, theirs)
            leads.append(lead)
            errors.append(se)
            gaps.append(-lead / max(abs(theirs["score"]), 1e-12))
        self.failures = (lost, won)
        self.behind_pct = 100 * mean(gaps) if gaps else float("nan")
        self.lead = mean(leads) if leads else float("nan")
        self.se = float(np.sqrt(np.square(errors).sum())) / len(errors) if errors else float("nan")
        #: the standard error as a share of the rival's score
        self.se_pct = abs(100 * self.se * self.behind_pct / (100 * self.lead)) if leads and self.lead else 0.0
        self.outcome = self._outcome(bool(leads), lost, won)

    def told(self) -> str:
        lost, won = self.failures
        failed = f" ({lost + won} failed)" if lost or won else ""
        if np.isnan(self.lead):
            return self.outcome + failed
        return f"{self.outcome}{failed}, {-self.behind_pct:+.2f} % ± {self.se_pct:.2f}"

    def _outcome(self, compared: bool, lost: int, won: int) -> str:
        if lost or won or not compared:  # a failure decides
            return "loss" if lost else "win" if won else "-"
        return "win" if self.lead > self.se else "loss" if self.lead < -self.se else "tie"


def _better(cells: dict[tuple[str, int], dict[str, Cell]]) -> None:
    """Add the better of AutoGluon's two presets to each table and seed, chosen by the test score itself."""
    for tools in cells.values():
        both = [tools[name] for name in PRESETS if name in tools]
        done = [cell for cell in both if cell["ok"]]
        if len(both) == len(PRESETS):
            up = scoring.HIGHER[both[0]["cell"]["metric"]]
            tools[BETTER] = (max if up else min)(done, key=lambda cell: float(cell["score"])) if done else both[0]


def _row(*words: object) -> str:
    return "| " + " | ".join(str(word) for word in words) + " |"


def _table(head: list[str], rows: list[str]) -> list[str]:
    return [_row(*head), "|---" * len(head) + "|", *rows, ""]


def _scores(names: list[str], order: list[str], cells: dict[tuple[str, int], dict[str, Cell]]) -> list[str]:
    rows = []
    for name in names:
        here = [tools for (table, _), tools in cells.items() if table == name]
        about = next(cell["cell"] for tools in here for cell in tools.values() if "cell" in cell)
        words = []
        for tool in order:
            found = [tools[tool] for tools in here if tool in tools]
            done = [cell["score"] for cell in found if cell["ok"]]
            failed = f" ({len(found) - len(done)} failed)" if len(done) < len(found) else ""
            words.append((f"{mean(done):.5g}" if done else "-") + failed)
        own = [tools["ours"]["score_se"] for tools in here if "ours" in tools and tools["ours"]["ok"]]
        rows.append(_row(name, about["metric"], len(here), *words, f"{mean(own):.2g}" if own else "-"))
    return _table(["table", "metric", "seeds", *order, "se of ours"], rows)


def _duels(names: list[str], rivals: list[str], cells: dict[tuple[str, int], dict[str, Cell]]) -> list[str]:
    found = {
        rival: [
            Duel(name, [(tools["ours"], tools[rival]) for (table, _), tools in cells.items()
                        if table == name and "ours" in tools and rival in tools])
            for name in names
        ]
        for rival in rivals
    }  # fmt: skip
    rows = []
    for at, name in enumerate(names):
        told = [found[rival][at] for rival in rivals]
        rows.append(_row(name, *(duel.told() for duel in told)))
    lines = _table(["table: ours, relative lead", *rivals], rows)
    for rival in rivals:
        duels = [duel for duel in found[rival] if duel.outcome != "-"]
        if not duels:
            continue
        count = {word: sum(duel.outcome == word for duel in duels) for word in ("win", "tie", "loss")}
        kept = (count["win"] + count["tie"]) / len(duels)
        far = [duel for duel in duels if duel.behind_pct > 1]
        sure = [duel.table for duel in far if duel.outcome == "loss"]
        lines.append(
            f"- {rival}: {count['win']} won, {count['tie']} tied, {count['loss']} lost of {len(duels)} "
            f"({kept:.0%} won or tied); more than 1 % behind on {len(far)} "
            f"({', '.join(duel.table for duel in far) or 'none'}), beyond chance on {len(sure)} "
            f"({', '.join(sure) or 'none'})."
        )
    return [*lines, ""]


def _cost(order: list[str], cells: list[Cell], budget_s: float) -> list[str]:
    limit_s = 1.05 * budget_s + 2
    rows = []
    for tool in order:
        mine = [cell for cell in cells if cell["tool"] == tool]
        done = [cell for cell in mine if cell["ok"]]
        if not mine:
            continue
        if not done:
            rows.append(_row(tool, f"{len(mine)} of {len(mine)}", *"-" * 8))
            continue
        wall = [cell["fit_wall_s"] for cell in done]
        size_mb = [cell["artefact_bytes"] / 1e6 for cell in done]
        late = sum(seconds > limit_s for seconds in wall)
        rows.append(_row(
            tool, f"{len(mine) - len(done)} of {len(mine)}", f"{len(done) - late} of {len(done)}",
            f"{median(wall):.1f}", f"{max(wall):.1f}", f"{median(c['wall_s'] for c in done):.0f}",
            f"{median(c['fit_cpu_s'] for c in done):.0f}",
            f"{median(size_mb):.2f} / {max(size_mb):.1f}",
            f"{median(c['row_us'] for c in done):,.0f} / {max(c['row_us'] for c in done):,.0f}",
            f"{max(c['memory_bytes'] for c in done) / 2**20:,.0f}",
        ))  # fmt: skip
    head = ["tool", "failed", f"fit within {limit_s:g} s", "fit s, median", "worst", "whole process s, median",
            "fit CPU s, median", "artefact MB, median / worst", "one row us, median / worst",
            "peak MiB of the tree, worst"]  # fmt: skip
    return _table(head, rows)


def _fast(cells: list[Cell]) -> list[str]:
    """`fast` beside `best`: its loss, size and speed; the gain over linear where the linear tool was run too."""
    linear = {(c["table"], c["seed"]): c for c in cells if c["tool"] == "linear" and c["ok"]}
    rows = []
    for cell in cells:
        if cell["tool"] != "ours" or not cell["ok"] or "fast" not in cell:
            continue
        fast, plain = cell["fast"], linear.get((cell["table"], cell["seed"]))
        kept = "-"
        if plain is not None and abs(cell["score"] - plain["score"]) > 1e-12:
            kept = f"{(fast['score'] - plain['score']) / (cell['score'] - plain['score']):.1%}"
        rows.append(_row(
            cell["table"], cell["seed"], f"{cell['score']:.5g}", f"{fast['score']:.5g}",
            f"{plain['score']:.5g}" if plain else "-", kept,
            f"{cell['artefact_bytes'] / 1e6:.2f} / {fast['artefact_bytes'] / 1e6:.2f}",
            f"{cell['row_us']:,.0f} / {fast['row_us']:,.0f}",
        ))  # fmt: skip
    head = ["table", "seed", "best", "fast", "linear", "gain over linear kept", "MB best / fast",
            "one row us best / fast"]  # fmt: skip
    return _table(head, rows) if rows else []


def _failures(cells: list[Cell]) -> list[str]:
    return [
        f"- {cell['table']}, {cell['tool']}, seed {cell['seed']}: {' '.join(str(cell['failure']).split())[:200]}"
        for cell in cells
        if not cell["ok"]
    ]


def markdown(results: Path) -> str:
    """All that is in the folder, each budget and each load apart."""
    every = read(results)
    lines: list[str] = []
    for budget_s, load in sorted({(cell["budget_s"], cell["busy"]) for cell in every}):
        here = [cell for cell in every if (cell["budget_s"], cell["busy"]) == (budget_s, load)]
        order = list(dict.fromkeys(["ours", *sorted(cell["tool"] for cell in here)]))
        names = list(dict.fromkeys(cell["table"] for cell in here))
        cells: dict[tuple[str, int], dict[str, Cell]] = {}
        for cell in here:
            cells.setdefault((cell["table"], cell["seed"]), {})[cell["tool"]] = cell
        loads = [cell["load_before"] for cell in here]
        beside = f"beside {load} busy processes" if load else "nothing else started"
        lines.append(
            f"### {budget_s:g} s, {beside} (load before a cell: {median(loads):.1f}, at most {max(loads):.1f})\n"
        )
        lines += _scores(names, order, cells)
        _better(cells)
        rivals = [tool for tool in order if tool not in ("ours", "linear")]
        if all(BETTER in tools for tools in cells.values()):
            rivals.append(BETTER)
        lines += _duels(names, rivals, cells)
        lines += _cost(order, here, budget_s)
        lines += _fast(here)
        lines += _failures(here)
    return "\n".join(lines)
