"""Roles, and what an answer or an action needs beyond its endpoint."""

from __future__ import annotations

import pytest

from paceline.domain.access import PEOPLE, Role, is_at_least, needed_to_answer, needed_to_steer
from paceline.domain.questions import QuestionKind
from paceline.domain.steering import SteerAction, SteerScope

TECHNICAL = {
    "answer_agent",
    "take_over",
    "landing_blocked",
    "resolve_conflict",
    "confirm_foreign_edit",
    "confirm_growth",
    "human_story",
    "replace_agent",
}


def test_each_role_may_what_those_before_it_may() -> None:
    order = ["viewer", "operator", "product_owner", "admin"]
    assert [role.value for role in PEOPLE] == order
    for role in PEOPLE:
        may = [least.value for least in PEOPLE if is_at_least(role, least)]
        assert may == order[: order.index(role.value) + 1]


def test_an_agent_is_no_person_and_nobody_is_an_agent() -> None:
    assert is_at_least(Role.AGENT, Role.AGENT)
    assert not any(is_at_least(Role.AGENT, least) for least in PEOPLE)
    assert not any(is_at_least(role, Role.AGENT) for role in PEOPLE)


@pytest.mark.parametrize("kind", QuestionKind)
def test_operators_answer_technical_questions_only(kind: QuestionKind) -> None:
    assert needed_to_answer(kind) is (Role.OPERATOR if kind.value in TECHNICAL else Role.PRODUCT_OWNER)


@pytest.mark.parametrize("action", SteerAction)
@pytest.mark.parametrize("scope", SteerScope)
def test_only_admins_say_that_it_is_done_or_end_a_run(action: SteerAction, scope: SteerScope) -> None:
    final = action.value == "force_complete" or (action.value, scope.value) == ("cancel", "project")
    assert needed_to_steer(action, scope) is (Role.ADMIN if final else Role.OPERATOR)
