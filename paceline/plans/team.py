"""The team section of an agent sprint plan."""

from __future__ import annotations

import re

from paceline.domain.plan import Agent, Fact
from paceline.plans.fields import Field, contents_of, normal, split_parenthesis, without_numbering
from paceline.plans.headings import heading_words, holds_stories, opens_work
from paceline.plans.labels import Labels, Words, per_table, same_names
from paceline.plans.outline import Bullet, BulletList, Section, Table
from paceline.plans.splitting import split_outside

AGENT_LABELS = same_names("role", "tools", "focus_areas", "success_criteria")
_NAME_COLUMNS = Words("column.agent_name")


@per_table
def _coordinates(table: Labels) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{table.alternation('value.coordinator')}|orchestrat\w+)", re.IGNORECASE)


def is_team_section(section: Section) -> bool:
    """Whether a heading announces the agents."""
    if opens_work(section) or holds_stories(section):
        return False
    words = heading_words(section)
    if words & {"coordination", "communication", "specific", "availability"}:
        return False
    roles = {"roles", "roster", "composition", "definitions", "assignments", "team"}
    return (
        "team" in words
        or words in ({"agents"}, {"the", "agents"})
        or bool({"agent", "agents"} & words and roles & words)
    )


def read_team(section: Section, facts: list[Fact]) -> list[Agent]:
    """The agents of a team section: one heading each, one bullet each, or rows of a table.

    Args:
        section: the section whose heading announces them.
        facts: takes what is written about an agent beyond role, tools, focus and success criteria.
    """
    agents = [_agent_of_section(below, facts) for below in section.sections]
    for block in section.blocks:
        match block:
            case BulletList() if not agents:
                agents.extend(_agent_of_bullet(bullet, facts) for bullet in block.bullets)
            case Table():
                agents.extend(_agents_of_table(block, facts))
            case _:
                pass
    return agents


def _agent_of_section(section: Section, facts: list[Fact]) -> Agent:
    agent = _named(without_numbering(section.title.text), section.line)
    found = contents_of(section, AGENT_LABELS)
    for entry in found.fields:
        _set(agent, entry, facts)
    texts = [text.text for text in found.prose]
    if texts and agent.role is None:
        agent.role = " ".join(texts)
    facts.extend(Fact(section=agent.id, value=b.text.text, line=b.line) for b in found.bullets)
    return _with_coordinator(agent)


def _agent_of_bullet(bullet: Bullet, facts: list[Fact]) -> Agent:
    name = bullet.text.label or bullet.text.lead
    if name is None:
        name, _, role = bullet.text.text.partition(":")
    else:
        role = (
            bullet.text.value
            if bullet.text.label
            else bullet.text.text.removeprefix(name).lstrip(" -\u2013\u2014")
        )
    agent = _named(name.strip(), bullet.line)
    agent.role = role.strip() or None
    for child in bullet.children:
        label, value = child.text.label, child.text.value
        _set(agent, Field(label or "", value, child.line, child.children), facts)
    return _with_coordinator(agent)


def _agents_of_table(table: Table, facts: list[Fact]) -> list[Agent]:
    if not table.header.cells or table.header.cells[0] not in _NAME_COLUMNS:
        facts.extend(Fact(section="Team", value=row.cells, line=row.line) for row in table.rows)
        return []
    agents: list[Agent] = []
    for row in table.rows:
        agent = _named(row.cells[0], row.line)
        for column, cell in zip(table.header.cells[1:], row.cells[1:], strict=False):
            _set(agent, Field(column, cell, row.line), facts)
        agents.append(_with_coordinator(agent))
    return agents


def _named(title: str, line: int) -> Agent:
    name, qualifier = split_parenthesis(title)
    return Agent(id=name, title=name, qualifier=qualifier, line=line)


def _set(agent: Agent, entry: Field, facts: list[Fact]) -> None:
    values = [*split_outside(entry.value, ","), *(bullet.text.text for bullet in entry.bullets)]
    match AGENT_LABELS.get(normal(entry.label)):
        case "role":
            agent.role = (
                " ".join([entry.value, *(bullet.text.text for bullet in entry.bullets)]).strip() or None
            )
        case "tools":
            agent.tools = values
        case "focus_areas":
            agent.focus_areas = values
        case "success_criteria":
            # A criterion is a sentence: its commas are its own.
            agent.success_criteria = [*filter(None, [entry.value]), *(b.text.text for b in entry.bullets)]
        case _:
            value = values if entry.bullets else entry.value or None
            facts.append(Fact(section=agent.id, name=entry.label or None, value=value, line=entry.line))


def _with_coordinator(agent: Agent) -> Agent:
    agent.coordinator = _coordinates().search(agent.qualifier or "") is not None
    return agent
