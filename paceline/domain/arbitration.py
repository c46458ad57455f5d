"""Whose files a story changes, and what the sprint manager's rule says about it.

An agent that owns a file needs nobody's leave; a shared file needs the lock and nothing else; a file of
another agent is a conflict that the rule decides, or a person if the rule says so. Every file is locked in
all cases: leave to change a file is not leave to change it at the same time as somebody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import Field

from paceline.domain.claims import Need
from paceline.domain.globs import is_glob, normal_pattern, patterns_overlap
from paceline.domain.model import Frozen
from paceline.domain.plan import Plan, Story

ForeignEdits = Literal["allow", "ask", "refuse"]
"""What happens to a story that changes files of an agent who is not its own."""
Relation = Literal["own", "shared", "unowned", "foreign", "slot"]

_FILE = "file:"


class Arbitration(Frozen):
    """What was decided about one need of a story."""

    resource: str
    relation: Relation
    """Whose it is: the story's agent's, everybody's, nobody's, another agent's; or no file but a slot."""
    verdict: ForeignEdits
    owners: list[str] = Field(default_factory=list[str])
    """Of a file that is owned: the agents it belongs to."""
    reason: str


def arbitrate(
    plan: Plan, story: Story, needs: Sequence[Need], policy: ForeignEdits = "allow"
) -> list[Arbitration]:
    """Decide for each need whether the story may have it, once it is free.

    A glob that reaches into files of others is foreign, also where it means own files too.

    Args:
        plan: says who owns what, and what is shared.
        story: whose agents want it.
        needs: what its claim asks for, at first or when it grows.
        policy: the rule for files of other agents.

    Returns:
        One decision a need, in their order.
    """
    return [_arbitrate(plan, story, need.resource, policy) for need in needs]


def _arbitrate(plan: Plan, story: Story, resource: str, policy: ForeignEdits) -> Arbitration:
    if not resource.startswith(_FILE):
        reason = f"`{resource}` is no file; it is taken when it is free."
        return Arbitration(resource=resource, relation="slot", verdict="allow", reason=reason)
    path = resource.removeprefix(_FILE)
    own, foreign = _owners(plan, story, path)
    if foreign:
        names = " and ".join(foreign)
        done_by = _names(story.agents)
        reason = f"`{path}` belongs to {names}, and `{story.id}` is done by {done_by}; {_RULES[policy]}"
        return Arbitration(
            resource=resource, relation="foreign", verdict=policy, owners=foreign, reason=reason
        )
    if any(patterns_overlap(path, shared.path) for shared in plan.resources.shared):
        reason = f"`{path}` is shared; whoever holds its lock may change it."
        return Arbitration(resource=resource, relation="shared", verdict="allow", reason=reason)
    if own:
        reason = f"`{path}` belongs to {' and '.join(own)}, who does `{story.id}`; nobody has to be asked."
        return Arbitration(resource=resource, relation="own", verdict="allow", owners=own, reason=reason)
    reason = f"`{path}` belongs to nobody; it is locked for `{story.id}` while it is changed."
    return Arbitration(resource=resource, relation="unowned", verdict="allow", reason=reason)


_RULES: dict[ForeignEdits, str] = {
    "allow": "the rule allows it, under the lock.",
    "ask": "the rule asks a person.",
    "refuse": "the rule refuses it.",
}


def _owners(plan: Plan, story: Story, path: str) -> tuple[list[str], list[str]]:
    """The story's agents who own the path, and the others who own it or a part of it without them."""
    owned = [
        (agent.agent, normal_pattern(pattern))
        for agent in plan.resources.owned
        for pattern in [*agent.files, *agent.globs]
        if patterns_overlap(pattern, path)
    ]
    mine = {pattern for agent, pattern in owned if agent in story.agents}
    own = _unique(agent for agent, _ in owned if agent in story.agents)
    if own and not is_glob(path):
        return own, []
    return own, _unique(
        agent for agent, pattern in owned if agent not in story.agents and pattern not in mine
    )


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _names(agents: Sequence[str]) -> str:
    return " and ".join(agents) or "nobody"
