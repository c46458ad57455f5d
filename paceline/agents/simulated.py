"""The simulated agent: seeded durations and outcomes, no files, for previews and benchmarks."""

from __future__ import annotations

import random

from paceline.domain.work import AgentDeclaration, WorkOrder, WorkOutcome, WorkResult


def simulate(declaration: AgentDeclaration, order: WorkOrder) -> tuple[float, WorkResult]:
    """How long the attempt takes, in seconds, and how it ends.

    The same seed, project, story and attempt give the same answer on every machine; another attempt gives
    an independent one.
    """
    # A text seed goes through SHA-512, which does not vary between processes as a hash of a tuple would.
    names = "\x1f".join([order.project, order.story])
    draw = random.Random(f"{declaration.seed}\x1f{order.attempt}\x1f{names}")  # noqa: S311 - a simulation
    shortest, longest = sorted(declaration.simulated_seconds)
    seconds = draw.uniform(shortest, longest)
    if draw.random() < declaration.failure_rate:
        summary = f"Simulated failure of attempt {order.attempt} of story {order.story}."
        return seconds, WorkResult(outcome=WorkOutcome.FAILED, summary=summary)
    summary = f"Simulated work on story {order.story}: {seconds:.2f} s, no files."
    return seconds, WorkResult(outcome=WorkOutcome.DONE, summary=summary)
