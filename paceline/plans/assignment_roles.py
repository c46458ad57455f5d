"""Who works in sprint assignment tables: the roles that a section describes, and names as rows write them.

A row says `Backend Dev 2` where the section says `Backend Developer 2`, and `Backend` where any of several
is meant; what names nobody is somebody new.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from paceline.domain.plan import Agent, Fact, Finding
from paceline.plans.agents import ALL, Assigned
from paceline.plans.columns import column_of
from paceline.plans.fields import label_of, normal, split_parenthesis, without_numbering
from paceline.plans.findings import Code, finding
from paceline.plans.outline import Bullet, BulletList, Paragraph, Section, Table
from paceline.plans.resolve import key, split_outside, split_words

DETAILS = {
    label: name
    for name, labels in {
        "primary": "primary, primary focus, primary responsibility, primary responsibilities, main focus, "
        "hauptaufgabe, principal, principale, \u4e3b\u8981",
        "secondary": "secondary, secondary focus, secondary responsibilities, nebenaufgabe, secundario, "
        "secondaire, \u6b21\u8981",
        "points": "points, story points, load, allocation, capacity, punkte, puntos, \u70b9\u6570",
        "role": "role, responsibility, responsibilities, rolle, rol, r\u00f4le, \u89d2\u8272",
    }.items()
    for label in map(str.strip, labels.split(","))
}
_LOAD = re.compile(
    r"^(?:~|about|approx\.?|ca\.?)?\s*(?P<points>\d+(?:\.\d+)?)\s*"
    r"(?:story\s+)?(?P<unit>points?|pts?|sp|punkte|puntos)?(?:\s+total)?\.?$",
    re.IGNORECASE,
)
_NAME_COLUMNS = frozenset({"role", "name", "member", "team member", "developer", "agent", "person"})
_WORDS = {
    "dev": "developer",
    "devs": "developer",
    "developers": "developer",
    "eng": "engineer",
    "engs": "engineer",
    "engineers": "engineer",
    "mgr": "manager",
    "sr": "senior",
    "sr.": "senior",
    "jr": "junior",
    "jr.": "junior",
}
_NOBODY = frozenset({"", "none", "tbd", "unassigned", "-", "n/a"})


def read_roles(section: Section, facts: list[Fact]) -> list[Agent]:
    """The roles that stand directly in a section: `**Name**:` with a list below, bullets, or a table.

    Args:
        section: the section, without those below it.
        facts: takes what is written about a role beyond its work and its load.
    """
    found: list[Agent] = []
    open_role: Agent | None = None
    for block in section.blocks:
        match block:
            case Paragraph():
                for line in block.lines:
                    name = line.label or (line.lead if line.text.endswith(":") else None)
                    open_role = None
                    if name is not None:
                        open_role = _role(
                            line.text.removesuffix(":") if line.label is None else name, line.line
                        )
                        _detail_text(open_role, line.value if line.label else "", line.line, facts)
                        found.append(open_role)
                    elif line.text:
                        facts.append(Fact(section=section.title.text, value=line.text, line=line.line))
            case BulletList() if open_role is not None:
                _details(open_role, block.bullets, facts)
                open_role = None
            case BulletList():
                found.extend(_role_of_bullet(bullet, facts) for bullet in block.bullets)
            case Table():
                found.extend(_roles_of_table(block, facts))
            case _:
                pass
    return found


def read_role_section(section: Section, facts: list[Fact]) -> Agent:
    """The role that a heading names, with the lists below it."""
    role = _role(without_numbering(section.title.text), section.line)
    for block in section.blocks:
        match block:
            case BulletList():
                _details(role, block.bullets, facts)
            case Paragraph():
                for line in block.lines:
                    label, value = label_of(line, DETAILS)
                    _detail(role, label, value, line.line, facts)
            case _:
                pass
    return role


@dataclass(slots=True)
class _Mention:
    """Forms in which rows name one role, with the line of the first."""

    forms: dict[str, int] = field(default_factory=dict[str, int])


class Roster:
    """Finds the roles that rows name.

    Args:
        described: the roles of the plan's own section, if it has one.
        alone: names that stand alone in some row; `A/B` is two names only where both are known.
    """

    def __init__(self, described: list[Agent], alone: list[str]) -> None:
        self.agents = described
        self.findings: list[Finding] = []
        self._described = bool(described)
        self._alone = {_folded(name) for name in alone}
        self._mentions: dict[str, _Mention] = {agent.id: _Mention() for agent in described}
        self._pools: dict[str, list[Agent]] = {}
        self._known: dict[str, Agent] = {}
        for agent in described:
            self._known.setdefault(_folded(agent.id), agent)

    def assign(self, written: str, line: int) -> Assigned:
        """The agents of one cell; `All` is left empty with `everyone` set, for `everyone` to fill.

        Args:
            written: such as `Backend Lead`, `QA + Backend Dev 2`, `QA/Backend`, `All`.
            line: 1-based source line.
        """
        if normal(written) in _NOBODY:
            return Assigned()
        if key(written) in ALL:
            return Assigned(collaborative=True, everyone=True)
        names = list(dict.fromkeys(self._name(part, line) for part in self._split(written, line)))
        return Assigned(names, collaborative=len(names) > 1)

    def settle(self) -> dict[str, str]:
        """Choose the names that rows use, once all of them are read.

        Returns:
            Old id to new id for every role that no row names as its section does.
        """
        renamed: dict[str, str] = {}
        for agent in self.agents:
            forms = self._mentions[agent.id].forms
            title = agent.id
            if forms and title not in forms:
                agent.id, line = next(iter(forms.items()))
                renamed[title] = agent.id
                self._remark_alias(agent, title, line)
            agent.aliases = [form for form in dict.fromkeys([title, *forms]) if form != agent.id]
        for pool, members in self._pools.items():
            for agent in members:
                agent.aliases.append(pool)
        return renamed

    def _remark_alias(self, agent: Agent, title: str, line: int) -> None:
        self.findings.append(
            finding(
                Code.AGENT_ALIAS,
                f"`{agent.id}` is taken for the role `{title}` of line {agent.line}.",
                "Use one name for one role.",
                line,
            )
        )

    def _split(self, written: str, line: int) -> list[str]:
        parts: list[str] = []
        for part in split_outside(written, ",;+&"):
            for piece in [part] if self._matches(part) else split_words(part, ("and", "und", "y", "et")):
                parts.extend(self._split_slash(piece, line))
        return parts

    def _split_slash(self, text: str, line: int) -> list[str]:
        sides = split_outside(text, "/")
        known = all(self._matches(side) or _folded(side) in self._alone for side in sides)
        if len(sides) < 2 or not known or _folded(text) in self._known:
            return [text]
        self.findings.append(
            finding(
                Code.EITHER_AGENT,
                f"`{text}` may mean either or both; it is read as both.",
                f"Write `{' + '.join(sides)}` for both, or the one name.",
                line,
            )
        )
        return sides

    def _matches(self, name: str) -> list[Agent]:
        """The role of that name, or one side of whose name it is, else all whose names start with it."""
        wanted = _folded(name)
        exact = self._known.get(wanted)
        if exact is not None:
            return [exact]
        if not self._described or not wanted:
            return []
        titled = [(agent, agent.title or "") for agent in self.agents if agent.title]
        sides = [agent for agent, title in titled if wanted in {_folded(s) for s in title.split("/")}]
        if sides:
            return sides
        return [agent for agent, title in titled if f"{_folded(title)} ".startswith(f"{wanted} ")]

    def _name(self, text: str, line: int) -> str:
        name = " ".join(text.replace("`", "").split()).removeprefix("@")
        matches = self._matches(name)
        if len(matches) > 1:
            self._remark_pool(name, matches, line)
            return name
        agent = matches[0] if matches else self._introduce(name, line)
        self._mentions[agent.id].forms.setdefault(name, line)
        return agent.id

    def _remark_pool(self, name: str, members: list[Agent], line: int) -> None:
        if name in self._pools:
            return
        self._pools[name] = members
        titles = ", ".join(f"`{agent.title}`" for agent in members)
        self.findings.append(
            finding(
                Code.AGENT_POOL,
                f"`{name}` may be any of {titles}; it stays a name of its own that means any of them.",
                f"Name the one that is meant, such as `{members[0].title}`.",
                line,
            )
        )

    def _introduce(self, name: str, line: int) -> Agent:
        agent = Agent(id=name, line=line)
        self.agents.append(agent)
        self._mentions[name] = _Mention()
        self._known[_folded(name)] = agent
        if self._described:
            self.findings.append(
                finding(
                    Code.AGENT_NOT_DESCRIBED,
                    f"`{name}` is none of the roles that the plan describes, so it is one more.",
                    f"Describe `{name}` among the roles, or write one of their names.",
                    line,
                )
            )
        return agent


def _folded(name: str) -> str:
    words = key(name).replace("-", "").split()
    return " ".join(_WORDS.get(word, word) for word in words)


def _role(written: str, line: int) -> Agent:
    name, qualifier = split_parenthesis(written.strip())
    return Agent(id=name, title=name, qualifier=qualifier, line=line)


def _role_of_bullet(bullet: Bullet, facts: list[Fact]) -> Agent:
    name = bullet.text.label or bullet.text.text.partition(":")[0]
    role = _role(name, bullet.line)
    text = bullet.text.value if bullet.text.label else bullet.text.text.partition(":")[2].strip()
    _detail_text(role, text, bullet.line, facts)
    _details(role, bullet.children, facts)
    return role


def _roles_of_table(table: Table, facts: list[Fact]) -> list[Agent]:
    headers = table.header.cells
    if not headers or not (normal(headers[0]) in _NAME_COLUMNS or column_of(headers[0]) == "assignee"):
        facts.extend(Fact(section="Roles", value=row.cells, line=row.line) for row in table.rows)
        return []
    found: list[Agent] = []
    for row in table.rows:
        role = _role(row.cells[0], row.line)
        for header, cell in zip(headers[1:], row.cells[1:], strict=False):
            _detail(role, header, cell, row.line, facts)
        found.append(role)
    return found


def _details(role: Agent, bullets: list[Bullet], facts: list[Fact]) -> None:
    for bullet in bullets:
        label, value = label_of(bullet.text, DETAILS)
        parts = [value, *(child.text.text for child in bullet.children)]
        _detail(role, label, ", ".join(part for part in parts if part), bullet.line, facts)


def _detail(role: Agent, label: str | None, value: str, line: int, facts: list[Fact]) -> None:
    match DETAILS.get(normal(label)) if label is not None else None:
        case "primary" if role.primary is None and value:
            role.primary = value
        case "secondary" if role.secondary is None and value:
            role.secondary = value
        case "role" if role.role is None and value:
            role.role = value
        case "points" if (match := _LOAD.match(value)) and role.points_stated is None:
            role.points_stated = float(match["points"])
        case None if label is None:
            _detail_text(role, value, line, facts)
        case _:
            facts.append(Fact(section=role.id, name=label, value=value or None, line=line))


def _detail_text(role: Agent, text: str, line: int, facts: list[Fact]) -> None:
    """A line without a label: the load, where it is a number of points."""
    match = _LOAD.match(text)
    if match and match["unit"] and role.points_stated is None:
        role.points_stated = float(match["points"])
    elif text and role.role is None:
        role.role = text
    elif text:
        facts.append(Fact(section=role.id, value=text, line=line))
