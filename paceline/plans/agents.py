"""Who is meant: the team of a plan, and names of agents as stories, phases and resources write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from paceline.domain.plan import Agent, Finding
from paceline.plans.fields import split_parenthesis
from paceline.plans.findings import Code, finding
from paceline.plans.labels import Words
from paceline.plans.splitting import split_joined, split_outside
from paceline.plans.targets import key

ALL = Words("value.everyone")
_TOGETHER = Words("value.together")
_SUFFIX = " agent"


@dataclass(slots=True)
class Assigned:
    """The agents of one story, step or resource."""

    names: list[str] = field(default_factory=list[str])
    """Ids of the team; a name that nobody has is kept as written."""
    collaborative: bool = False
    everyone: bool = False


class Team:
    """The agents of a plan, found by any form of their names.

    Args:
        agents: the team section's agents. Where there are none, names stand for themselves and the agents
            are those that the plan mentions.
    """

    def __init__(self, agents: Sequence[Agent]) -> None:
        self._written = bool(agents)
        self._agents = [agent.model_copy(deep=True) for agent in agents]
        self._by_key: dict[str, Agent] = {}
        self._mentions: dict[str, list[str]] = {agent.id: [] for agent in self._agents}
        self._in_stories: set[str] = set()
        self.findings: list[Finding] = []
        for agent in self._agents:
            self._by_key.setdefault(key(agent.id), agent)
        for agent in self._agents:
            self._by_key.setdefault(_stem(agent.id), agent)

    def assign(self, written: str, line: int, *, story: bool = False) -> Assigned:
        """Read the agents of one place.

        Args:
            written: such as `Backend`, `A + B (Collaborative)`, `A, B`, `All Agents`.
            line: 1-based source line.
            story: whether a story says so; stories decide which form of a name is the canonical one.
        """
        bare, flagged = _without_flag(written)
        if key(bare) in ALL and self._written:
            return Assigned([agent.id for agent in self._workers()], collaborative=True, everyone=True)
        names = [self._name(part, line, story) for part in self._split(bare, line)]
        unique = list(dict.fromkeys(names))
        return Assigned(unique, collaborative=flagged or len(unique) > 1)

    def may_have(self, name: str) -> bool:
        """Whether a name is one of the team's; where no team is described, any is."""
        return not self._written or self._known(name)

    def mention(self, text: str) -> None:
        """Note which form of a coordinator's name running text uses."""
        folded = key(text)
        for agent in self._agents:
            stem = _stem(agent.id)
            if f" {stem}" in f" {folded}" and f" {key(agent.id)}" not in f" {folded}":
                self._note(agent, agent.id[: len(stem)], False)

    def coordinate(self, name: str) -> None:
        """Note who coordinates."""
        matches = self._matches(name)
        if len(matches) == 1:
            matches[0].coordinator = True

    def settle(self) -> dict[str, str]:
        """Choose the canonical names, once everything is read.

        Returns:
            Old id to new id, for every agent whose stories drop the word "Agent".
        """
        renamed: dict[str, str] = {}
        for agent in self._agents:
            forms = self._mentions[agent.id]
            deciding = [form for form in forms if form in self._in_stories] or forms
            stem = agent.id[: len(_stem(agent.id))]
            title = agent.id
            if stem != title and stem in deciding and title not in deciding:
                renamed[agent.id] = agent.id = stem
            agent.aliases = [form for form in dict.fromkeys([title, *forms]) if form != agent.id]
        return renamed

    def agents(self) -> list[Agent]:
        """The team in the order in which it is written."""
        return self._agents

    def _workers(self) -> list[Agent]:
        return [agent for agent in self._agents if not agent.coordinator]

    def _split(self, text: str, line: int) -> list[str]:
        if self._known(text):
            return [text]
        parts: list[str] = []
        for part in split_outside(text, ",;+&"):
            pieces = [part] if self._known(part) else split_joined(part)
            for piece in pieces:
                parts.extend(self._split_slash(piece, line))
        return parts

    def _split_slash(self, text: str, line: int) -> list[str]:
        sides = split_outside(text, "/")
        called = all(side.startswith("@") for side in sides)
        known = called or all(self._known(side) for side in sides)
        if len(sides) < 2 or self._known(text) or not known:
            return [text]
        self.findings.append(
            finding(
                Code.EITHER_AGENT,
                f"`{text}` may mean either or both; it is read as both.",
                f"Write `{' + '.join(sides)} (Collaborative)` for both, or the one name.",
                line,
            )
        )
        return sides

    def _known(self, text: str) -> bool:
        return bool(self._matches(text))

    def _matches(self, text: str) -> list[Agent]:
        """The agent of that name, else all whose names start with those words."""
        wanted = key(text)
        exact = self._by_key.get(wanted)
        if exact is not None:
            return [exact]
        if not self._written or not wanted:
            return []
        stem = _stem(wanted)
        return [agent for agent in self._agents if f"{key(agent.id)} ".startswith(f"{stem} ")]

    def _name(self, text: str, line: int, story: bool) -> str:
        name = " ".join(text.replace("`", "").split()).removeprefix("@")
        matches = self._matches(name) or self._matches(split_parenthesis(name)[0])
        if not matches and not self._written:
            matches = [self._introduce(name, line)]
        if len(matches) == 1:
            self._note(matches[0], name, story)
            return matches[0].id
        return name

    def _introduce(self, name: str, line: int) -> Agent:
        agent = Agent(id=name, line=line)
        self._agents.append(agent)
        self._mentions[name] = []
        self._by_key.setdefault(key(name), agent)
        self._by_key.setdefault(_stem(name), agent)
        return agent

    def _note(self, agent: Agent, form: str, story: bool) -> None:
        if form not in self._mentions[agent.id]:
            self._mentions[agent.id].append(form)
        if story:
            self._in_stories.add(form)


def _stem(name: str) -> str:
    folded = key(name)
    return folded.removesuffix(_SUFFIX) or folded


def _without_flag(written: str) -> tuple[str, bool]:
    name, flag = split_parenthesis(written.strip())
    if flag is not None and (flag in _TOGETHER or flag.lower().startswith(("collab", "pair", "joint"))):
        return name, True
    return written.strip(), False
