"""What could be left out of a sprint that will be late: the plan's options first, then the least urgent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import Field

from paceline.domain.model import Model
from paceline.domain.plan import Plan
from paceline.domain.states import FINAL_STATES, StoryState
from paceline.domain.status import StoryStatus
from paceline.domain.steps import RunStep

DEFERRED = "DEFERRED"
"""Reason code of a story that a person moved into a later sprint."""
MOST_PROPOSED = 5
"""Stories without the plan's word that are proposed at once."""
_SAYS_CUT = re.compile(
    r"\b(behind|late|defer\w*|postpone\w*|simplif\w*|reduc\w*|cut|drop\w*|descope\w*)\b", re.IGNORECASE
)
_SAYS_MORE = re.compile(r"\bahead\b", re.IGNORECASE)


class Cut(Model):
    """A story that could be left out, and why just this one."""

    story: str
    epic: str = ""
    why: str = ""
    id: str = ""


class ScopeInput(RunStep):
    """A sprint will be late."""

    sprint: str
    day: int
    projected_days: float
    planned_days: int


class ScopeStep(RunStep):
    """Look what could be left out, or move what a person chose."""

    sprint: str
    stories: list[str] = Field(default_factory=list[str])
    actor: str = ""
    note: str = Field(default="", max_length=2000)


class ScopeReply(Model):
    """What could be left out, and where it would go."""

    revision: int = 0
    cuts: list[Cut] = Field(default_factory=list[Cut])
    into: str = ""
    """The next sprint; empty where there is none, and stories are skipped."""


def cuts(
    plan: Plan,
    rows: Sequence[StoryStatus],
    edges: Mapping[str, Sequence[str]],
    ranks: Mapping[str, int],
    sprint: str,
) -> list[Cut]:
    """Stories of a sprint that have not begun and that nothing else waits for.

    Args:
        plan: its contingency entries that name stories come first.
        rows: where the run's stories stand.
        edges: the effective dependencies by story.
        ranks: the place in the priority order by story; the largest is the least urgent.
        sprint: the sprint that will be late.
    """
    awaited = {name for row in rows if row.state not in FINAL_STATES for name in edges.get(row.id, ())}
    free = {row.id: row for row in rows if row.sprint == sprint and row.state is StoryState.PENDING}
    free = {key: row for key, row in free.items() if key not in awaited}
    found: dict[str, Cut] = {}
    for entry in plan.contingency:
        said = f"{entry.name} {entry.text or ''}"
        if _SAYS_CUT.search(said) and not _SAYS_MORE.search(said):
            why = f"the plan says so: {' '.join(said.split())[:200]}"
            found |= {key: Cut(story=key, why=why) for key in entry.stories if key in free}
    if found:
        return list(found.values())
    least = sorted(free, key=lambda key: (-ranks.get(key, 0), -(free[key].points or 0.0), key))
    return [
        Cut(story=key, why="nothing waits for it, and it is least urgent") for key in least[:MOST_PROPOSED]
    ]


def scope_question(start: ScopeInput, found: ScopeReply) -> str:
    """What a person is asked."""
    lines = "\n".join(f"- {cut.story}: {cut.why}"[:400] for cut in found.cuts)
    what = f"Move these into {found.into}" if found.into else "Leave these out"
    return (
        f"Sprint {start.sprint} has {start.planned_days} days, and at the pace of its first {start.day} it "
        f"takes {start.projected_days:g}. {what}?\n\n{lines}"
    )[:20_000]
