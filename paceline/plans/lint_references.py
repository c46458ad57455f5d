"""Findings about names that a plan uses: agents, stories and epics."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from paceline.domain.plan import Dependency, Finding, Plan
from paceline.plans.findings import Code, finding
from paceline.plans.resolve import key

_ENOUGH_ALIKE = 0.5


def nearest(name: str, known: list[str]) -> str | None:
    """The known name that is most like another, if any is."""
    by_key = {key(each): each for each in reversed(known)}
    found = get_close_matches(key(name), list(by_key), n=1, cutoff=_ENOUGH_ALIKE)
    return by_key[found[0]] if found else None


def check_agents(plan: Plan) -> Iterator[Finding]:
    """Agents that stories or phases name and the team does not have."""
    known = [agent.id for agent in plan.agents]
    names = {*known, *(alias for agent in plan.agents for alias in agent.aliases)}
    remedies: dict[str, str] = {}
    for story in plan.stories:
        for name in story.agents:
            if name in names:
                continue
            options = [each for each in known if f"{key(each)} ".startswith(f"{key(name)} ")]
            line = story.agents_line or story.line
            if len(options) > 1:
                both = " or ".join(f"`{each}`" for each in options)
                message = f"`{story.id}` names the agent `{name}`, which may be {both}."
                yield finding(Code.AMBIGUOUS_AGENT, message, f"Write {both}.", line)
                continue
            message = f"`{story.id}` names the agent `{name}`, who is not in the team."
            remedy = remedies.setdefault(name, _agent_remedy(name, known))
            yield finding(Code.UNKNOWN_AGENT, message, remedy, line)
    for phase in plan.phases:
        for step in phase.steps:
            for name in step.agents:
                if name not in names:
                    message = f"{phase.id} names `{name}`, who is not in the team."
                    yield finding(Code.PHASE_NAMES_NO_AGENT, message, _agent_remedy(name, known), step.line)


def check_dependencies(plan: Plan) -> Iterator[Finding]:
    """Dependencies on what is not in the plan."""
    known = [*(story.id for story in plan.stories), *(epic.id for epic in plan.epics if not epic.implicit)]
    names = set(known)
    for owner, line, dependency in _dependencies(plan):
        missing = [target for target in dependency.resolved if target not in names]
        if dependency.resolved and not missing:
            continue
        written = missing[0] if missing else dependency.as_written
        near = nearest(written, [each for each in known if each != owner])
        remedy = "add a story with that id, or delete the dependency"
        yield finding(
            Code.UNKNOWN_DEPENDENCY,
            f"`{owner}` depends on `{written}`, which is not in the plan.",
            f"Write `{near}`, or {remedy}." if near else f"{remedy[0].upper()}{remedy[1:]}.",
            dependency.line or line,
        )


def check_self_dependencies(plan: Plan) -> Iterator[Finding]:
    """Stories and epics that wait for themselves."""
    for owner, line, dependency in _dependencies(plan):
        if owner in dependency.resolved:
            yield finding(
                Code.SELF_DEPENDENCY,
                f"`{owner}` depends on itself.",
                f"Delete `{dependency.as_written}` from its dependencies, or name the story that was meant.",
                dependency.line or line,
            )


def _agent_remedy(name: str, known: list[str]) -> str:
    near = nearest(name, known)
    team = ", ".join(f"`{each}`" for each in known[:8])
    if near:
        return f"Write `{near}`, or add `{name}` to the team."
    return f"Write one of {team}, or add `{name}` to the team." if known else f"Add `{name}` to the team."


def _dependencies(plan: Plan) -> Iterator[tuple[str, int | None, Dependency]]:
    for epic in plan.epics:
        for dependency in epic.dependencies:
            yield epic.id, epic.line, dependency
    for story in plan.stories:
        for dependency in story.dependencies:
            yield story.id, story.line, dependency
