"""Projections of stories, agents and runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from paceline.domain.states import FINAL_STATES, AgentState, StoryState
from paceline.domain.status import REMOVED
from paceline.errors import NotFound, Refused
from paceline.store.database import Database
from paceline.store.events import append_events
from paceline.store.models import AgentRow
from paceline.store.questions import open_question
from paceline.store.runs import create_run
from paceline.store.stands import story_stands
from paceline.store.status import (
    agent_history,
    agent_statuses,
    heartbeat_agent,
    plan_stories,
    project_status,
    set_agent,
    set_story,
    story_status,
    story_statuses,
)
from tests.integration.store.samples import a_question, a_run, a_story, draft


@pytest.fixture
def planned(database: Database) -> Database:
    """A database with the stories 2, 10 and 1 of project p, in this order."""
    stories = [a_story("2", agents=["A"], points=3.5), a_story("10", dependencies=["2"]), a_story("1")]
    database.write_now(plan_stories, "p", stories)
    return database


def test_stories_keep_the_order_of_the_plan_and_are_planned_once(planned: Database) -> None:
    planned.write_now(set_story, "p", "10", state=StoryState.WORKING)
    planned.write_now(plan_stories, "p", [a_story("10"), a_story("2"), a_story("new")])
    stories = planned.read_now(story_statuses, "p")
    assert [story.id for story in stories] == ["2", "10", "1", "new"]
    assert stories[0] == a_story("2", agents=["A"], points=3.5)
    assert planned.read_now(story_status, "p", "10").state is StoryState.WORKING


def test_where_stories_stand_is_the_same_in_short_and_is_counted_by_the_database(planned: Database) -> None:
    planned.write_now(create_run, a_run("p"))
    reason = 'held by "1", in \\ two lines\nand with é'
    planned.write_now(set_story, "p", "10", state=StoryState.CLAIMING, reason=reason, reason_code="LINE")
    planned.write_now(set_story, "p", "1", state=StoryState.CANCELLED, reason_code=REMOVED)
    stories = planned.read_now(story_statuses, "p")
    stands = planned.read_now(story_stands, "p")
    assert stands.removed == 1
    assert sorted(stands) == sorted(
        (each.id, each.sprint, each.epic, each.state, each.reason, each.reason_code)
        for each in stories
        if not each.removed
    )
    ids, first = stands.lacking(None, 1)
    assert (ids, [stand.id for stand in first]) == (["2", "10"], ["2"])
    assert stands.lacking({"10"}, 5)[0] == ["10"]
    short = planned.read_now(project_status, "p", with_stories=False)
    assert short.counts == {StoryState.PENDING: 1, StoryState.CLAIMING: 1}
    assert (short.removed, short.stories) == (1, [])
    whole = planned.read_now(project_status, "p")
    assert whole.stories == stories
    assert whole.model_copy(update={"stories": []}) == short


def test_only_given_fields_change(planned: Database) -> None:
    planned.write_now(
        set_story, "p", "2", state=StoryState.CLAIMING, attempt=1, reason="waits for x", reason_code="WAITS"
    )
    same = planned.write_now(set_story, "p", "2", state=StoryState.CLAIMING, workflow_id="p/1/e/2")
    assert (same.reason, same.reason_code, same.attempt) == ("waits for x", "WAITS", 1)
    fenced = planned.write_now(set_story, "p", "2", fence=7)
    assert (fenced.state, fenced.reason, fenced.workflow_id) == (
        StoryState.CLAIMING,
        "waits for x",
        "p/1/e/2",
    )
    working = planned.write_now(set_story, "p", "2", state=StoryState.WORKING)
    assert (working.reason, working.reason_code, working.fence) == (None, None, 7)
    failed = planned.write_now(set_story, "p", "2", state=StoryState.VERIFYING, reason="again", fence=None)
    assert (failed.reason, failed.reason_code, failed.fence) == ("again", None, None)
    assert planned.read_now(story_status, "p", "2") == failed
    assert failed.updated_at is not None


@pytest.mark.parametrize("final", sorted(FINAL_STATES))
def test_a_final_state_is_never_left(planned: Database, final: StoryState) -> None:
    ended = planned.write_now(set_story, "p", "2", state=final, reason="so it ended", merge_commit="c0ffee")
    for late in StoryState:
        if late is not final:
            kept = planned.write_now(
                set_story, "p", "2", state=late, attempt=9, reason="late", merge_commit=None
            )
            assert kept == ended
    summed = planned.write_now(set_story, "p", "2", state=final, summary="done")
    assert (summed.state, summed.reason, summed.summary) == (final, "so it ended", "done")


def test_an_unknown_story_is_not_found(planned: Database) -> None:
    with pytest.raises(NotFound):
        planned.write_now(set_story, "p", "nobody", state=StoryState.WORKING)
    with pytest.raises(NotFound):
        planned.read_now(story_status, "q", "2")


def test_an_agent_changes_once_and_its_history_is_newest_first(database: Database) -> None:
    for _ in range(2):
        database.write_now(set_agent, "p", "A", AgentState.WORKING, story="1", detail="reads")
    database.write_now(set_agent, "q", "A", AgentState.ERROR)
    database.write_now(set_agent, "p", "A", AgentState.IDLE)
    history = database.read_now(agent_history, "A")
    assert [(entry.project, entry.state, entry.story) for entry in history] == [
        ("p", AgentState.IDLE, None),
        ("q", AgentState.ERROR, None),
        ("p", AgentState.WORKING, "1"),
    ]
    assert [entry.state for entry in database.read_now(agent_history, "A", "p", 1)] == [AgentState.IDLE]
    assert [status.state for status in database.read_now(agent_statuses, "p")] == [AgentState.IDLE]


def test_a_silent_worker_is_dead_until_its_heartbeat(database: Database) -> None:
    def fall_silent(session: Session) -> None:
        session.execute(update(AgentRow).values(last_heartbeat=datetime.now(UTC) - timedelta(seconds=31)))

    def states(dead_after: float = 30.0) -> dict[str, AgentState]:
        return {each.agent: each.state for each in database.read_now(agent_statuses, None, dead_after)}

    database.write_now(set_agent, "p", "A", AgentState.WORKING)
    database.write_now(set_agent, "p", "B", AgentState.WAITING_FOR_HITL)
    assert states() == {"A": AgentState.WORKING, "B": AgentState.WAITING_FOR_HITL}
    database.write_now(fall_silent)
    assert states() == {"A": AgentState.DEAD, "B": AgentState.WAITING_FOR_HITL}
    assert states(60.0)["A"] is AgentState.WORKING
    database.write_now(heartbeat_agent, "p", "A")
    assert states()["A"] is AgentState.WORKING
    database.write_now(fall_silent)
    database.write_now(set_agent, "p", "A", AgentState.WORKING)
    assert states()["A"] is AgentState.WORKING
    database.write_now(heartbeat_agent, "p", "unknown")
    with pytest.raises(Refused):
        database.write_now(set_agent, "p", "A", AgentState.DEAD)


def test_project_status_counts_what_is_there(planned: Database) -> None:
    with pytest.raises(NotFound):
        planned.read_now(project_status, "p")
    planned.write_now(create_run, a_run("p"))
    planned.write_now(set_story, "p", "2", state=StoryState.MERGED)
    planned.write_now(set_agent, "p", "A", AgentState.IDLE)
    planned.write_now(open_question, a_question("q1"))
    planned.write_now(append_events, "p", [draft("a"), draft("b")])
    status = planned.read_now(project_status, "p")
    assert status.counts == {StoryState.MERGED: 1, StoryState.PENDING: 2}
    assert status.percent == pytest.approx(100 / 3)
    assert (status.open_questions, status.last_event, status.run.id) == (1, 2, "p")
    assert [agent.agent for agent in status.agents] == ["A"]
