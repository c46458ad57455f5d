"""Small plans in the normal form for tests of the linter, and what it says of them."""

from __future__ import annotations

from paceline.domain.plan import Agent, Dependency, Epic, File, Finding, Plan, Source, Sprint, Story
from paceline.plans.findings import Code
from paceline.plans.lint import check_plan


def waits(target: str, *resolved: str) -> Dependency:
    return Dependency(as_written=target, resolved=list(resolved), line=1)


def story(number: int, **fields: object) -> Story:
    plain: dict[str, object] = {
        "id": f"Story {number}",
        "title": f"Course {number}",
        "epic": "Epic",
        "sprints": ["Sprint 1"],
        "agents": ["Ada"],
        "files": [File(path=f"course_{number}.py")],
        "checks": ["make"],
        "line": number * 10,
    }
    return Story.model_validate(plain | fields)


def plan_of(*stories: Story, **fields: object) -> Plan:
    plain: dict[str, object] = {
        "title": "Feast",
        "source": Source(file="plan.md", kind="test", lines=500, digest=""),
        "sprints": [Sprint(id="Sprint 1", implicit=True)],
        "epics": [Epic(id="Epic", title="All", implicit=True, stories=[each.id for each in stories])],
        "agents": [Agent(id="Ada")],
        "stories": list(stories),
    }
    return Plan.model_validate(plain | fields)


def found(plan: Plan, code: Code) -> list[Finding]:
    return [each for each in check_plan(plan) if each.code == code]


def said(plan: Plan, code: Code) -> list[str]:
    return [each.message for each in found(plan, code)]


def sprints(*optional: bool) -> list[Sprint]:
    return [Sprint(id=f"Sprint {n}", optional=each, line=n) for n, each in enumerate(optional, 1)]
