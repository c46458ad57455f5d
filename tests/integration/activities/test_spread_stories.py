"""What a work order says of a story that the plan spreads over several sprints."""

from __future__ import annotations

import pytest

from activities.orders import described
from paceline.domain.plan import Allocation, Story

PARTS = [Allocation(sprint="Sprint 1", points=3, of=5), Allocation(sprint="Sprint 2", points=2.5, of=5)]


@pytest.mark.parametrize("written", [None, "Dig deep."])
def test_an_agent_is_told_to_do_all_of_it_at_once(written: str | None) -> None:
    told = described(Story(id="S", title="Dig", description=written, allocations=PARTS))
    assert told is not None
    assert told.startswith(written or "The plan spreads")
    assert "(points: 3 in Sprint 1, 2.5 in Sprint 2)" in told
    assert "done once" in told


@pytest.mark.parametrize("parts", [[], PARTS[:1]])
def test_of_another_story_only_the_plan_speaks(parts: list[Allocation]) -> None:
    assert described(Story(id="S", title="Dig", description="Dig deep.", allocations=parts)) == "Dig deep."
