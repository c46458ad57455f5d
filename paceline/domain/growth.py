"""What a story may have beside what others own, and what its claim may grow by while its agent works."""

from __future__ import annotations

from collections.abc import Sequence

from paceline.domain.arbitration import Arbitration, ForeignEdits, arbitrate
from paceline.domain.claims import Need
from paceline.domain.model import Frozen
from paceline.domain.plan import Plan, Story

MOST_FILES = 50
"""The most files that an agent may ask for at once."""
MOST_GROWN = 200
"""The most files by which one claim may grow."""

_STRICTEST: tuple[ForeignEdits, ...] = ("refuse", "ask", "allow")


class Ruling(Frozen):
    """What the rules say of a claim, or of its growth: the strictest of what they say of each need."""

    verdict: ForeignEdits
    reason: str
    """One sentence for each need that is not simply allowed; empty where all are."""
    arbitrations: list[Arbitration]

    @property
    def foreign(self) -> bool:
        """Whether it is about files of another agent."""
        return any(each.relation == "foreign" and each.verdict == self.verdict for each in self.arbitrations)


def rule_on_claim(plan: Plan, story: Story, needs: Sequence[Need], foreign_edits: ForeignEdits) -> Ruling:
    """What the sprint manager's rule says of all that a story needs.

    Args:
        plan: says who owns what.
        story: whose agents want it.
        needs: what it asks for.
        foreign_edits: the rule for files of other agents.
    """
    found = arbitrate(plan, story, needs, foreign_edits)
    said = {each.verdict for each in found}
    verdict: ForeignEdits = "refuse" if "refuse" in said else "ask" if "ask" in said else "allow"
    reasons = [one.reason for one in found if one.verdict == verdict != "allow"]
    return Ruling(verdict=verdict, reason=" ".join(reasons), arbitrations=found)


def rule_on_growth(
    plan: Plan, story: Story, needs: Sequence[Need], growth: ForeignEdits, foreign_edits: ForeignEdits
) -> Ruling:
    """The same for what an agent wants beside its story's claim, where growth may itself be restricted.

    Args:
        plan: says who owns what.
        story: whose agents want it.
        needs: what it asks for beside what it has.
        growth: the rule for all growth.
        foreign_edits: the rule for files of other agents.
    """
    ruling = rule_on_claim(plan, story, needs, foreign_edits)
    if _STRICTEST.index(growth) >= _STRICTEST.index(ruling.verdict):
        return ruling
    names = ", ".join(f"`{need.resource.removeprefix('file:')}`" for need in needs)
    said = "asks a person first" if growth == "ask" else "lets no claim grow"
    reason = f"`{story.id}` needs {names} beside what it claimed, and this run {said}."
    return ruling.model_copy(update={"verdict": growth, "reason": f"{reason} {ruling.reason}".strip()})
