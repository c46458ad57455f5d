from __future__ import annotations

import os
import subprocess
import sys

from paceline.agents.environment import allowed_environment
from paceline.agents.simulated import simulate
from paceline.domain.work import AgentDeclaration, WorkOrder, WorkOutcome


def order(story: str = "1", attempt: int = 1, project: str = "p") -> WorkOrder:
    return WorkOrder(project=project, story=story, title="t", agent="A", agents=["A"], attempt=attempt)


def agent(**options: object) -> AgentDeclaration:
    return AgentDeclaration.model_validate({"kind": "simulated", "simulated_seconds": [2, 5]} | options)


def test_the_same_attempt_is_the_same_in_every_process() -> None:
    code = (
        "from paceline.agents.simulated import simulate\n"
        "from paceline.domain.work import AgentDeclaration, WorkOrder\n"
        "a = AgentDeclaration(kind='simulated', simulated_seconds=(2, 5), failure_rate=0.5)\n"
        "o = WorkOrder(project='p', story='1', title='t', agent='A', agents=['A'], attempt=1)\n"
        "print(repr(simulate(a, o)))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        for _ in range(2)
    }
    assert said == {repr(simulate(agent(failure_rate=0.5), order()))}


def test_seed_project_story_and_attempt_each_matter() -> None:
    seconds = {
        simulate(agent(), order())[0],
        simulate(agent(seed=1), order())[0],
        simulate(agent(), order(story="2"))[0],
        simulate(agent(), order(attempt=2))[0],
        simulate(agent(), order(project="q"))[0],
    }
    assert len(seconds) == 5
    assert all(2 <= each <= 5 for each in seconds)


def test_the_share_of_failures_is_the_declared_one() -> None:
    outcomes = [simulate(agent(failure_rate=0.25), order(str(n)))[1].outcome for n in range(2000)]
    assert 420 < outcomes.count(WorkOutcome.FAILED) < 580
    assert simulate(agent(failure_rate=1.0), order())[1].outcome is WorkOutcome.FAILED
    assert simulate(agent(failure_rate=0.0), order())[1].outcome is WorkOutcome.DONE


def test_no_seconds_are_no_seconds_and_reversed_bounds_are_bounds() -> None:
    assert simulate(AgentDeclaration(kind="simulated"), order())[0] == 0.0
    assert 2 <= simulate(agent(simulated_seconds=[5, 2]), order())[0] <= 5


def test_only_listed_variables_pass() -> None:
    found = allowed_environment(["UNSET_NAME"])
    assert found["PATH"] == os.environ["PATH"]
    assert "UNSET_NAME" not in found
    assert not {name for name in found if name.startswith(("GIT_", "AWS_", "PYTEST"))}
