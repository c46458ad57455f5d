"""Findings about names that a plan uses: agents, stories and epics."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from paceline.domain.graph import Edges, written_edges
from paceline.domain.plan import Agent, Dependency, Epic, Finding, Plan, Story
from paceline.plans.findings import Code, finding_at
from paceline.plans.lint_near import Nearest, bare
from paceline.plans.targets import key

_SHOWN = 6
"""Names that one sentence lists."""
_LONGEST_START = 12
"""Words of an agent's name that may stand for it; all starts of a long one would be quadratic."""
_ALIKE = 0.7
"""How like an agent's name another must be to be a slip."""
_STEPS = 1_000
"""Stories that are walked over to see whether a suggestion would make a cycle."""
_ALL_STEPS = 200_000
"""The same for all suggestions together; after that nothing is suggested."""


def check_agents(plan: Plan) -> Iterator[Finding]:
    """Agents that stories or phases name and the team does not have, and agents with several names."""
    known = [agent.id for agent in plan.agents]
    names = {*known, *(alias for agent in plan.agents for alias in agent.aliases)}
    strangers = _Strangers(known)
    for story in plan.stories:
        for name in story.agents:
            if name not in names:
                yield strangers.of_story(story, name)
    for phase in plan.phases:
        for step in phase.steps:
            for name in step.agents:
                if name not in names:
                    message = f"{phase.id} names `{name}`, who is not in the team."
                    remedy = strangers.remedy(name)
                    yield finding_at(phase, Code.PHASE_NAMES_NO_AGENT, message, remedy, step.line)
    if all(found.code != Code.AGENT_ALIAS for found in plan.warnings):
        yield from _aliases(plan.agents)


def check_dependencies(plan: Plan) -> Iterator[Finding]:
    """Dependencies on what is not in the plan, or on what may be one of several things."""
    targets = _Targets(plan)
    for owner, dependency in _dependencies(plan):
        options = targets.options(dependency)
        if len(options) > 1:
            both = listed(options, " or ")
            message = f"`{owner.id}` depends on `{dependency.as_written}`, which may be {both}."
            yield finding_at(owner, Code.AMBIGUOUS_DEPENDENCY, message, f"Write {both}.", dependency.line)
            continue
        missing = [target for target in dependency.resolved if target not in targets.names]
        if dependency.resolved and not missing:
            continue
        written = missing[0] if missing else dependency.as_written
        near = targets.near(written, owner)
        remedy = "add a story with that id, or delete the dependency"
        yield finding_at(
            owner,
            Code.UNKNOWN_DEPENDENCY,
            f"`{owner.id}` depends on `{written}`, which is not in the plan.",
            f"Write `{near}`, or {remedy}." if near else f"{remedy[0].upper()}{remedy[1:]}.",
            dependency.line,
        )


def check_self_dependencies(plan: Plan) -> Iterator[Finding]:
    """Stories and epics that wait for themselves."""
    for owner, dependency in _dependencies(plan):
        if owner.id in dependency.resolved:
            remedy = (
                f"Delete `{dependency.as_written}` from its dependencies, or name the story that was meant."
            )
            message = f"`{owner.id}` depends on itself."
            yield finding_at(owner, Code.SELF_DEPENDENCY, message, remedy, dependency.line)


def listed(names: list[str], between: str = ", ") -> str:
    """Names for a sentence; of many, the first ones and how many there are."""
    shown = between.join(f"`{each}`" for each in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


class _Strangers:
    """What to say about agents whom the team does not have."""

    def __init__(self, known: list[str]) -> None:
        self._known = known
        self._nearest = Nearest(known)
        self._starts: dict[str, list[str]] = {}
        for name in known:
            words = key(name).split()
            for count in range(1, min(len(words), _LONGEST_START)):
                self._starts.setdefault(" ".join(words[:count]), []).append(name)

    def of_story(self, story: Story, name: str) -> Finding:
        options = self._starts.get(key(name), [])
        line = story.agents_line
        if len(options) > 1:
            both = listed(options, " or ")
            message = f"`{story.id}` names the agent `{name}`, which may be {both}."
            return finding_at(story, Code.AMBIGUOUS_AGENT, message, f"Write {both}.", line)
        message = f"`{story.id}` names the agent `{name}`, who is not in the team."
        return finding_at(story, Code.UNKNOWN_AGENT, message, self.remedy(name), line)

    def remedy(self, name: str) -> str:
        near = self._nearest.find(name, least=_ALIKE)
        if near:
            return f"Write `{near}`, or add `{name}` to the team."
        if not self._known:
            return f"Add `{name}` to the team."
        return f"Write one of {listed(self._known)}, or add `{name}` to the team."


class _Targets:
    """Stories and epics that a dependency can name."""

    def __init__(self, plan: Plan) -> None:
        named = [epic for epic in plan.epics if not epic.implicit]
        known = [*(story.id for story in plan.stories), *(epic.id for epic in named)]
        self.names = set(known)
        self._nearest = Nearest(known)
        self._members = {epic.id: epic.stories for epic in plan.epics}
        self._plan = plan
        self._steps = _ALL_STEPS
        self._by_title: dict[str, list[str]] = {}
        self._by_number: dict[str, list[str]] = {}
        for each in [*plan.stories, *named]:
            self._by_title.setdefault(key(each.title), []).append(each.id)
            self._by_number.setdefault(_number(each.id), []).append(each.id)

    @cached_property
    def _edges(self) -> Edges:
        return written_edges(self._plan)

    def options(self, dependency: Dependency) -> list[str]:
        """What the words of a dependency fit equally well; empty where an id is written."""
        written = key(dependency.as_written)
        if any(written == key(target) or bare(written) == bare(target) for target in dependency.resolved):
            return []
        titled = list(dict.fromkeys(self._by_title.get(written, [])))
        if titled or dependency.resolved:
            return titled
        return list(dict.fromkeys(self._by_number.get(bare(written), [])))

    def near(self, written: str, owner: Story | Epic) -> str | None:
        """The nearest id that its owner could wait for."""
        return self._nearest.find(written, lambda target: self._could_wait(owner, target))

    def _could_wait(self, owner: Story | Epic, target: str) -> bool:
        own = {owner.id, *self._members.get(owner.id, [])}
        if target in own or (isinstance(owner, Story) and target == owner.epic):
            return False
        waiting = list(self._members.get(target, [target]))
        seen = set(waiting)
        limit = min(_STEPS, self._steps)
        while waiting:
            if len(seen) > limit or not own.isdisjoint(seen):
                break
            fresh = [each for each in self._edges.get(waiting.pop(), []) if each not in seen]
            seen.update(fresh)
            waiting.extend(fresh)
        self._steps -= len(seen)
        return not waiting and own.isdisjoint(seen)


def _aliases(agents: list[Agent]) -> Iterator[Finding]:
    """Agents that go by names which differ in more than the word "Agent"."""
    for agent in agents:
        own = _without_agent(agent.id)
        others = [alias for alias in agent.aliases if _without_agent(alias) != own]
        if others:
            yield finding_at(
                agent,
                Code.AGENT_ALIAS,
                f"`{agent.id}` is also called {listed(others)}; all of them are taken for one agent.",
                "Use one name for one agent.",
            )


def _without_agent(name: str) -> str:
    return key(name).removesuffix(" agent")


def _number(identity: str) -> str:
    """`001` of `STORY-001`: what several kinds of ids may share."""
    folded = bare(identity)
    head, dash, tail = folded.rpartition("-")
    return tail if dash and head.isalpha() and tail[:1].isdigit() else folded


def _dependencies(plan: Plan) -> Iterator[tuple[Story | Epic, Dependency]]:
    for owner in [*plan.epics, *plan.stories]:
        for dependency in owner.dependencies:
            yield owner, dependency
