"""The kill matrix: who is killed at which step of a story, and the table of what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.faults.stops import STEPS, Side, Step

VICTIMS = ("agent", "supervisor", "worker", "Temporal", "PostgreSQL", "SQLite", "git")
OUTCOMES: dict[tuple[str, str], list[str]] = {}
"""Of each cell that was run, by place and victim: what was wrong afterwards."""


@dataclass(frozen=True)
class Cell:
    """Who is killed, and where."""

    step: Step
    side: Side
    victim: str

    def __str__(self) -> str:
        return f"{self.row}-{self.victim}"

    @property
    def row(self) -> str:
        """The place."""
        return f"{self.step.name}, {self.side}"

    @property
    def not_applicable(self) -> str | None:
        """Why nobody can be killed here; None where somebody can."""
        if self.victim in ("agent", "supervisor") and self.side not in self.step.alive:
            return "no agent runs"
        if self.victim == "git" and (not self.step.git or self.side == "inside"):
            return "no git runs"
        if self.victim == "SQLite" and self.side != "inside":
            return "nothing is being written"
        if self.victim == "worker" and self.side == "inside":
            return "this is SQLite's writer"
        return None


def all_cells() -> list[Cell]:
    """The whole matrix, row by row."""
    return [Cell(step, side, victim) for step in STEPS for side in step.sides for victim in VICTIMS]


def table() -> list[str]:
    """The matrix as lines of text; nothing where no cell was run."""
    if not OUTCOMES:
        return []
    cells = {(cell.row, cell.victim): cell for cell in all_cells()}
    rows = list(dict.fromkeys(row for row, _ in cells))
    width = max(len(row) for row in rows)
    lines = ["  ".join([f"{'killed at':{width}}", *(f"{victim:10}" for victim in VICTIMS)]).rstrip()]
    reasons: dict[str, str] = {}
    for row in rows:
        shown = [_shown(cells[row, victim], reasons) for victim in VICTIMS]
        lines.append("  ".join([f"{row:{width}}", *(f"{text:10}" for text in shown)]).rstrip())
    return [*lines, *(f"n.a. {letter}: {reason}" for reason, letter in reasons.items())]


def _shown(cell: Cell, reasons: dict[str, str]) -> str:
    reason = cell.not_applicable
    if reason is not None:
        return f"n.a. {reasons.setdefault(reason, 'abcdefgh'[len(reasons)])}"
    problems = OUTCOMES.get((cell.row, cell.victim))
    return "not run" if problems is None else "FAILED" if problems else "ok"
