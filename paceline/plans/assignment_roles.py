"""Who works in sprint assignment tables: roles by the names that rows give them.

A row says `Backend Dev 2` where the section says `Backend Developer 2`, and `Backend` where any of several
is meant; what names nobody is somebody new.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from paceline.domain.plan import Agent, Finding
from paceline.plans.agents import ALL, Assigned
from paceline.plans.findings import Code, finding
from paceline.plans.labels import Words
from paceline.plans.splitting import split_joined, split_outside
from paceline.plans.targets import key

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
_LONGEST_START = 8
"""Words of a role's name that may stand for it."""
_NOBODY = Words("value.nobody")


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
        self._sides: dict[str, list[Agent]] = {}
        self._starts: dict[str, list[Agent]] = {}
        for agent in described:
            self._index(agent)

    def assign(self, written: str, line: int) -> Assigned:
        """The agents of one cell; `All` is left empty with `everyone` set, for `everyone` to fill.

        Args:
            written: such as `Backend Lead`, `QA + Backend Dev 2`, `QA/Backend`, `All`.
            line: 1-based source line.
        """
        if written in _NOBODY:
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
            for piece in [part] if self._matches(part) else split_joined(part):
                parts.extend(self._split_slash(piece, line))
        return parts

    def _split_slash(self, text: str, line: int) -> list[str]:
        sides = split_outside(text, "/")
        known = all(side.startswith("@") for side in sides) or all(
            self._matches(side) or _folded(side) in self._alone for side in sides
        )
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
        return self._sides.get(wanted) or self._starts.get(wanted, [])

    def _index(self, agent: Agent) -> None:
        """Note every name that a described role may have."""
        self._known.setdefault(_folded(agent.id), agent)
        for side in dict.fromkeys(_folded(side) for side in agent.id.split("/")):
            self._sides.setdefault(side, []).append(agent)
        words = _folded(agent.id).split()[:_LONGEST_START]
        for count in range(1, len(words) + 1):
            self._starts.setdefault(" ".join(words[:count]), []).append(agent)

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
