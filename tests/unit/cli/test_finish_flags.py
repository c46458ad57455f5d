"""What the options of a run say about the end of its sprints, beside what its repository says."""

from __future__ import annotations

from typing import Any

import pytest

from paceline.agents.finish_options import with_finish
from paceline.cli.finish_flags import finish_changes
from paceline.domain.finish import GITHUB, FinishChanges, FinishOptions
from paceline.domain.status import RunOptions
from paceline.errors import ConfigurationError

TABLE = '[finish]\npush = "origin"\nbranch = "team/{sprint}"\nbase = "main"\npull_request = true\n'
NOTHING: dict[str, Any] = {
    "push": None,
    "branch": None,
    "no_push": False,
    "pull_request": None,
    "command": None,
    "base": None,
}


def changes(**said: Any) -> FinishChanges | None:
    return finish_changes(**{**NOTHING, **said})


def at_the_end(table: str, **said: Any) -> FinishOptions | None:
    """What the run does, after its options went through JSON to the API."""
    finish = FinishOptions() if said.get("no_push") else None
    asked = RunOptions(finish=finish, finish_changes=changes(**said))
    done = with_finish(RunOptions.model_validate_json(asked.model_dump_json()), table)
    assert done.finish_changes is None
    return done.finish


def test_without_options_the_repository_says_everything() -> None:
    assert changes() is None
    assert at_the_end("") == FinishOptions()
    assert at_the_end(TABLE) == FinishOptions(
        push="origin", branch="team/{sprint}", base="main", pull_request=GITHUB
    )


def test_an_option_changes_what_it_names_and_leaves_the_rest() -> None:
    assert at_the_end(TABLE, push="fork") == FinishOptions(
        push="fork", branch="team/{sprint}", base="main", pull_request=GITHUB
    )
    assert at_the_end(TABLE, pull_request=False) == FinishOptions(
        push="origin", branch="team/{sprint}", base="main"
    )
    found = at_the_end(TABLE, branch="mine", base="next", command="glab mr create --head '{branch}'")
    assert found == FinishOptions(
        push="origin",
        branch="mine",
        base="next",
        pull_request=["glab", "mr", "create", "--head", "{branch}"],
    )
    assert at_the_end("", push="origin", pull_request=True) == FinishOptions(
        push="origin", pull_request=GITHUB
    )


def test_nothing_is_pushed_where_a_run_says_so() -> None:
    assert at_the_end(TABLE, no_push=True) == FinishOptions()
    assert at_the_end(TABLE, no_push=True, pull_request=False) == FinishOptions()


def test_a_pull_request_needs_a_push_from_somewhere() -> None:
    with pytest.raises(ConfigurationError, match="--push"):
        at_the_end("", pull_request=True)


@pytest.mark.parametrize(
    "said",
    [
        {"no_push": True, "push": "origin"},
        {"no_push": True, "pull_request": True},
        {"pull_request": False, "command": "glab"},
        {"command": "'"},
        {"command": " "},
        {"command": "glab {brnch}"},
    ],
)
def test_contradictions_are_refused_with_a_sentence(said: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"--(no-)?(push|pull-request)"):
        changes(**said)
