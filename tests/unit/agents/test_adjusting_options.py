"""The repository's word on late sprints, ahead sprints and lost agents."""

from __future__ import annotations

import pytest

from paceline.agents.adjusting_options import load_adjusting_options, with_adjusting
from paceline.domain.status import AdjustingOptions, LostAgents, RunOptions, ScopePolicy
from paceline.errors import ConfigurationError

TABLE = """
[adjusting]
late_sprints = "never"
ahead_sprints = "never"
lost_agents = "wait"
lost_after_failures = 3
"""


def test_what_is_written_holds_where_the_run_says_nothing() -> None:
    table = load_adjusting_options(TABLE)
    found = with_adjusting(RunOptions(), table)
    assert (found.late_sprints, found.ahead_sprints) == (ScopePolicy.NEVER, ScopePolicy.NEVER)
    assert (found.lost_agents, found.lost_after_failures) == (LostAgents.WAIT, 3)
    own = RunOptions(late_sprints=ScopePolicy.ASK, lost_agents=LostAgents.REPLACE, lost_after_failures=0)
    said = with_adjusting(RunOptions.model_validate_json(own.model_dump_json()), table)
    assert (said.late_sprints, said.ahead_sprints) == (ScopePolicy.ASK, ScopePolicy.NEVER)
    assert (said.lost_agents, said.lost_after_failures) == (LostAgents.REPLACE, 0)


def test_without_a_table_nothing_is_said() -> None:
    assert load_adjusting_options("[proof]\nchecks = []\n") == AdjustingOptions()
    assert with_adjusting(RunOptions(), AdjustingOptions()) == RunOptions()


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("late_sprints = true", "late_sprints"),
        ("lost_after_failures = -1", "lost_after_failures"),
        ("x = 1", "x"),
    ],
)
def test_what_does_not_fit_is_named(line: str, key: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"paceline.toml: adjusting.{key}: "):
        load_adjusting_options(f"[adjusting]\n{line}\n")
