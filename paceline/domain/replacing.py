"""Who does the stories of an agent that is lost: the plan's own rule, the same role, skills, then a spare."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from paceline.domain.changes import ChangeKind, RunChange
from paceline.domain.model import Model
from paceline.domain.plan import Agent, Contingency, Plan, Story
from paceline.domain.states import SUCCESS_STATES, StoryState
from paceline.domain.status import Away, StoryStatus
from paceline.domain.work import AgentDeclaration

Reason = Literal["away", "silent", "failing"]
"""Why an agent is lost: a person said so, its heartbeat stopped, or it failed too many stories in a row."""
FAULT = "AGENT_"
"""How the codes of failures begin that are the agent's own."""


class Replacement(Model):
    """Who takes a story, and why just this agent."""

    agent: str
    rule: Literal["plan", "role", "skills", "spare"]
    why: str


@dataclass(frozen=True)
class Team:
    """The agents of a run, and how much each has to do."""

    plan: Plan
    declared: Mapping[str, AgentDeclaration]
    """By name, those without a story included."""
    spare: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    load: Mapping[str, int] = field(default_factory=dict[str, int])
    """How many stories each has that have not ended."""

    def written(self, name: str) -> Agent:
        """What the plan says of an agent; nothing where it does not name it."""
        return next((each for each in self.plan.agents if each.id == name), Agent(id=name))


def able(team: Team, lost: str, story: Story) -> list[str]:
    """Who could take the place of an agent in a story, who has the least to do first.

    It works in the same way (a command, a simulation or a person), is there, and is not on the story already.

    Args:
        team: the agents of the run.
        lost: the agent that is to be replaced; it has to be declared.
        story: one of its stories.
    """
    kind = team.declared[lost].kind
    taken = {lost, *story.agents, *team.absent}
    found = [name for name, each in team.declared.items() if each.kind == kind and name not in taken]
    return sorted(found, key=lambda name: (team.load.get(name, 0), name))


def replacement(team: Team, lost: str, story: Story) -> Replacement | None:
    """Who takes the place of a lost agent in a story; None where only a person can say it.

    Args:
        team: the agents of the run.
        lost: the agent.
        story: one of its stories.
    """
    if lost not in team.declared:
        return None
    others = able(team, lost, story)
    for rule in (_by_plan, _by_role, _by_skills, _by_spare):
        found = rule(team, lost, story, others)
        if found is not None:
            return found
    return None


def replaced(agents: Iterable[str], lost: str, by: str) -> list[str]:
    """A story's agents with one of them replaced, in the same order."""
    return list(dict.fromkeys(by if name == lost else name for name in agents))


# Rules, in their order ---


def _by_plan(team: Team, lost: str, story: Story, others: Sequence[str]) -> Replacement | None:
    for entry in team.plan.contingency:
        if entry.stories and story.id not in entry.stories:
            continue
        for other in others:
            if _names_both(entry, team.written(lost), team.written(other)):
                why = f"the plan says so: {' '.join((entry.text or entry.name).split())[:200]}"
                return Replacement(agent=other, rule="plan", why=why)
    return None


def _by_role(team: Team, lost: str, story: Story, others: Sequence[str]) -> Replacement | None:
    mine = _roles(team, lost)
    for other in others:
        shared = [role for role in _roles(team, other) if role in mine]
        if shared:
            return Replacement(agent=other, rule="role", why=f"it has the same role, {shared[0]}")
    return None


def _by_skills(team: Team, lost: str, story: Story, others: Sequence[str]) -> Replacement | None:
    mine = _skills(team, lost)
    best: tuple[str, list[str]] | None = None
    for other in others:
        shared = [skill for skill in _skills(team, other) if skill in mine]
        if shared and (best is None or len(shared) > len(best[1])):
            best = (other, shared)
    if best is None:
        return None
    return Replacement(agent=best[0], rule="skills", why=f"it has the same skills: {', '.join(best[1][:5])}")


def _by_spare(team: Team, lost: str, story: Story, others: Sequence[str]) -> Replacement | None:
    found = next((other for other in others if other in team.spare), None)
    if found is None:
        return None
    return Replacement(agent=found, rule="spare", why="it is declared and the plan gives it no story")


def _names_both(entry: Contingency, lost: Agent, other: Agent) -> bool:
    """Whether one sentence names the lost agent and, behind it, the other."""
    sentences = re.split(r"(?<=[.;!?])\s|\n", entry.text or "")
    for sentence in [*sentences, *([f"{entry.name}: {entry.text}"] if entry.text else [entry.name])]:
        first, second = _place(sentence, lost), _place(sentence, other)
        if first is not None and second is not None and first < second:
            return True
    return False


def _place(text: str, agent: Agent) -> int | None:
    """Where a text names an agent first."""
    names = [agent.id, *agent.aliases, *([agent.title] if agent.title else [])]
    found = [
        match.start()
        for name in names
        if name.strip()
        and (match := re.search(rf"(?<!\w){re.escape(name.strip())}(?!\w)", text, re.IGNORECASE))
    ]
    return min(found, default=None)


def _roles(team: Team, name: str) -> list[str]:
    role = team.written(name).role
    return _folded([*team.declared[name].roles, *([role] if role else [])])


def _skills(team: Team, name: str) -> list[str]:
    return _folded([*team.declared[name].skills, *(team.written(name).focus_areas or [])])


def _folded(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(" ".join(name.casefold().split()) for name in names if name.strip()))


# Who is lost ---


def absent_agents(
    changes: Iterable[RunChange], now: datetime, beats: Mapping[str, datetime]
) -> dict[str, RunChange]:
    """Who is away: the change that says so, by agent.

    Args:
        changes: of the run, in the order of their revisions.
        now: an absence that ended before it is over.
        beats: the newest heartbeats; an agent that fell silent is back with its next one.
    """
    found: dict[str, RunChange] = {}
    for change in changes:
        if change.kind is not ChangeKind.AWAY:
            continue
        found.pop(change.target, None)
        if change.number and not (change.text and datetime.fromisoformat(change.text) <= now):
            found[change.target] = change
    for agent, change in list(found.items()):
        beat = beats.get(agent)
        if change.names == ["silent"] and beat is not None and beat > change.at:
            del found[agent]
    return found


def absences(changes: Sequence[RunChange], now: datetime, beats: Mapping[str, datetime | None]) -> list[Away]:
    """Who is away, since when and why, in alphabetical order; the arguments are those of `absent_agents`."""
    known = {agent: beat for agent, beat in beats.items() if beat is not None}
    found = absent_agents(changes, now, known)
    return [
        Away(
            agent=agent,
            reason=change.names[0] if change.names else "away",
            since=change.at,
            until=datetime.fromisoformat(change.text) if change.text else None,
            actor=change.actor,
            note=change.reason,
            waits=change.number == 2,
        )
        for agent, change in sorted(found.items())
    ]


def failing_agents(rows: Sequence[StoryStatus], waiting: Collection[str], limit: int) -> dict[str, list[str]]:
    """Agents whose last stories all failed by their own fault, with these stories, the newest first.

    Args:
        rows: the run's stories.
        waiting: stories that ask who takes them over, after their agent failed as often as it may.
        limit: how many in a row are too many; at least 1.
    """
    dated = [(row.updated_at, row) for row in rows if row.updated_at is not None]
    newest = [row for _, row in sorted(dated, key=lambda each: each[0], reverse=True)]
    found: dict[str, list[str]] = {}
    closed: set[str] = set()
    for row in newest:
        lead = row.agents[0] if row.agents else None
        if lead is None or lead in closed or len(found.get(lead, [])) >= limit:
            continue
        if _failed(row, waiting):
            found.setdefault(lead, []).append(row.id)
        elif row.state in SUCCESS_STATES:
            closed.add(lead)
    return {agent: stories for agent, stories in found.items() if len(stories) >= limit}


def _failed(row: StoryStatus, waiting: Collection[str]) -> bool:
    failed = row.state is StoryState.FAILED and (row.reason_code or "").startswith(FAULT)
    return failed or (row.state is StoryState.WAITING_FOR_PERSON and row.id in waiting)
