"""Agents that collaborative steps of phases add to stories."""

from __future__ import annotations

import pytest

from paceline.domain.joining import joined, joining
from paceline.domain.plan import Phase, PhaseMode, PhaseStep, Plan, Source, Story


def _plan(mode: PhaseMode, *agents: str) -> Plan:
    step = PhaseStep(agents=list(agents), text="Knead", mode=mode, story="S")
    return Plan(
        title="Bakery",
        source=Source(kind="test", lines=1, digest=""),
        stories=[
            Story(id="S", title="Knead", agents=["Baker"]),
            Story(id="T", title="Bake", agents=["Baker"]),
        ],
        phases=[Phase(id="Phase 1", mode=mode, steps=[step])],
    )


def test_a_collaborative_step_adds_its_agents_behind_the_storys_own() -> None:
    plan = _plan("collaborative", "Miller", "Baker", "Driver")
    assert joining(plan) == {"S": ["Miller", "Driver"]}
    first, second = joined(plan).stories
    assert (first.agents, first.collaborative) == (["Baker", "Miller", "Driver"], True)
    assert (second.agents, second.collaborative) == (["Baker"], False)
    # The plan that was read stays, and twice is once.
    assert plan.stories[0].agents == ["Baker"]
    assert joined(joined(plan)) == joined(plan)


@pytest.mark.parametrize("mode", ["sequential", "parallel"])
def test_in_other_modes_the_storys_line_holds(mode: PhaseMode) -> None:
    plan = _plan(mode, "Miller")
    assert joined(plan) is plan
