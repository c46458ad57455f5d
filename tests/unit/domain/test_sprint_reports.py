"""Standup, daily report, planning, review and retrospective: each figure from the log of events."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from paceline.domain.chronicle import PlannedStory, chronicle
from paceline.domain.daily_report import daily_report, projected_days
from paceline.domain.events import Event
from paceline.domain.model import Model
from paceline.domain.plan import Allocation, Fact, Phase, Story
from paceline.domain.report_texts import report_text
from paceline.domain.reports import Report, ReportKind
from paceline.domain.retro_entries import EntryKind, RetroEntry
from paceline.domain.retrospective import OWN_TOPICS, Retrospective, retrospective
from paceline.domain.sprint_planning import sprint_planning
from paceline.domain.sprint_review import sprint_review
from paceline.domain.standup import standup
from paceline.domain.states import StoryState
from tests.unit.domain.sprint_logs import SPRINT, START, courses, log, reassignment, record, story, with_epics

MORNING = START + timedelta(days=1)
HELD = {"waits_for": ["file:dock.txt held by w/a", "sprint:p:s held by w/a, w/b"]}
BUSY = log(
    (0.1, "claim.granted", "a", {"attempt": 1, "fence": 1}),
    (0.2, "claim.waiting", "b", HELD),
    (0.3, "question.asked", "c", {"question": "c#1", "kind": "answer_agent"}),
    (0.4, "claim.granted", "d", {"attempt": 1}),
    (0.5, "story.merged", "d", {"state": "merged", "attempts": 1, "merge_commit": "d" * 40}),
)
STORIES = [
    story("a", "Ada", 8),
    story("b", "Bo", 3),
    story("c", "Cy", 2),
    story("d", "Ada", 5),
    story("e", "Di", 2, "a"),
]


def kept(kind: ReportKind, data: Model, number: int = 1) -> Report:
    """A report as stored."""
    content = data.model_dump(mode="json")
    return Report(project="p", sprint=SPRINT, kind=kind, number=number, made_at=MORNING, data=content)


def test_a_standup_says_what_each_agent_did_does_and_is_held_up_by() -> None:
    found = standup(record(STORIES, BUSY), MORNING)
    told = {each.agent: each for each in found.agents}
    assert list(told) == ["Ada", "Bo", "Cy", "Di"]
    assert [each.story for each in told["Ada"].completed] == ["d"]
    assert [each.story for each in told["Ada"].focus] == ["a"]
    assert not told["Ada"].blockers
    assert [(each.story, each.kind) for each in told["Bo"].blockers] == [("b", "claim")]
    assert [(each.story, each.kind) for each in told["Cy"].blockers] == [("c", "person")]
    assert [(each.story, each.kind) for each in told["Di"].blockers] == [("e", "dependency")]
    assert [(each.story, each.waits_for, each.waits_for_agents) for each in found.dependencies] == [
        ("e", "a", ["Ada"])
    ]


def test_a_file_that_two_want_is_a_conflict_of_its_agents_and_a_full_sprint_is_none() -> None:
    found = standup(record(STORIES, BUSY), MORNING).conflicts
    assert [(each.kind, each.about, each.stories, each.agents, each.open) for each in found] == [
        ("resource", "file:dock.txt", ["b", "a"], ["Bo", "Ada"], True)
    ]


def test_a_conflict_that_is_over_and_one_of_work_with_work() -> None:
    events = log(
        (0.2, "claim.waiting", "b", HELD),
        (0.3, "story.merged", "a", {"state": "merged"}),
        (0.4, "claim.granted", "b", {"attempt": 1}),
        (0.5, "attempt.ended", "b", {"attempt": 1, "code": "MERGE_CONFLICT", "reason": "dock.txt"}),
    )
    found = standup(record(STORIES, events), MORNING)
    assert [(each.kind, each.stories, each.open) for each in found.conflicts] == [
        ("resource", ["b", "a"], False),
        ("technical", ["b"], True),
    ]
    blockers = next(each.blockers for each in found.agents if each.agent == "Bo")
    assert [each.kind for each in blockers] == ["attempt"]


def test_a_conflict_of_work_names_its_parties_and_how_it_ended() -> None:
    clash = {"attempt": 1, "code": "MERGE_CONFLICT", "reason": "dock.txt"}
    parties = {"attempt": 2, "stories": ["b", "a"], "agents": ["Bo", "Ada"], "resolves": "Bo"}
    events = log(
        (0.1, "story.merged", "a", {"state": "merged", "attempts": 1, "merge_commit": "a" * 40}),
        (0.5, "attempt.ended", "b", clash),
        (0.6, "conflict.session", "b", parties),
        (1.5, "story.merged", "b", {"state": "merged", "attempts": 2, "merge_commit": "b" * 40}),
    )
    first = standup(record(STORIES, events), MORNING)
    assert [(each.stories, each.agents, each.decided, each.open) for each in first.conflicts] == [
        (["b", "a"], ["Bo", "Ada"], "Bo, attempt 2 settles it", True)
    ]
    later = replace(record(STORIES, events), reports=[kept(ReportKind.STANDUP, first)])
    second = standup(later, MORNING + timedelta(days=1))
    assert [(each.stories, each.decided, each.open) for each in second.conflicts] == [
        (["b", "a"], "settled by Bo, attempt 2, merged as bbbbbbbbbbbb", False)
    ]


def test_a_standup_begins_where_the_last_ended_and_names_changes_of_assignment() -> None:
    events = [*BUSY, *(each.model_copy(update={"number": 6, "key": "6"}) for each in log(
        (1.5, "story.merged", "a", {"state": "merged"})
    ))]  # fmt: skip
    first = kept(ReportKind.STANDUP, standup(record(STORIES, BUSY), MORNING))
    changed = record(STORIES, events, changes=[reassignment(1.2, "b", "Ada", "Bo")])
    found = standup(replace(changed, reports=[first]), MORNING + timedelta(days=3))
    assert (found.period.first_day, found.period.last_day) == (2, 4)
    assert (found.period.after_event, found.period.last_event) == (5, 6)
    ada = found.agents[0]
    assert [each.story for each in ada.completed] == ["a"], "what the last standup told is not told again"
    assert [each.story for each in ada.blockers] == ["b"], "it is hers now"
    assert [(each.story, each.agents, each.after_standup) for each in found.reassignments] == [
        ("b", ["Ada", "Bo"], 1)
    ]
    assert standup(changed, MORNING).reassignments == [], "it was not made yet"


def test_headings_are_the_plans_own_where_it_has_them() -> None:
    asks = ["what is finished", "today's work", "impediments", "how is the crane"]
    fact = Fact(
        section="Communication", name="Daily Stand-ups", value={"items": [{"text": "x", "list": asks}]}
    )
    found = record(STORIES, BUSY, facts=[fact])
    text = report_text(kept(ReportKind.STANDUP, standup(found, MORNING)), found.plan)
    assert "- what is finished: d (Piece d, merged)" in text
    assert "- today's work: a (Piece a, working)" in text
    assert "- impediments: b: waits for file:dock.txt held by w/a" in text
    assert "## The plan asks for\n\n- how is the crane" in text
    assert "# Standup: Sprint 1, day 1 of 14" in text


def test_a_ceremony_in_a_list_of_ceremonies_has_its_minutes() -> None:
    entries = [{"name": "Daily Standups", "text": "15 minutes daily", "minutes": 15, "when": "daily"}]
    fact = Fact(section="Team", name="Sprint Ceremonies", value={"items": entries})
    found = record(STORIES, BUSY, facts=[fact])
    assert "The plan gives it 15 minutes." in report_text(
        kept(ReportKind.STANDUP, standup(found, MORNING)), found.plan
    )


def test_a_daily_report_counts_epics_points_and_states() -> None:
    stories = with_epics(STORIES, "One", "One", "Two", "Two", "Two")
    found = daily_report(record(stories, BUSY), MORNING)
    assert (found.stories_done, found.stories, found.points_done, found.points) == (1, 5, 5, 20)
    assert (found.points_left, round(found.points_ideal or 0, 3)) == (15, 18.571)
    assert [(each.epic, each.stories_done, each.points_done, each.points) for each in found.epics] == [
        ("One", 0, 0, 11),
        ("Two", 1, 5, 9),
    ]
    assert found.states == {
        StoryState.PENDING: 1,
        StoryState.CLAIMING: 1,
        StoryState.WORKING: 1,
        StoryState.WAITING_FOR_PERSON: 1,
        StoryState.MERGED: 1,
    }
    assert (found.schedule, found.projected_days, found.late) == ("on_schedule", 4.0, [])
    assert (found.open_conflicts, found.open_questions) == (1, 1)


def test_a_story_whose_phase_is_over_is_late() -> None:
    found = record([replace(each, phase="Dig") for each in STORIES], BUSY)
    plan = found.plan.model_copy(update={"phases": [Phase(id="Dig", days=(1, 1))]})
    report = daily_report(replace(found, plan=plan), MORNING)
    assert [each.story for each in report.late] == ["a", "b", "c", "e"]
    assert report.schedule == "late"
    assert report.period.phases == ["Dig"]


def test_a_slow_sprint_is_late_before_its_end_and_an_unknown_one_never() -> None:
    day = START + timedelta(days=13)
    assert daily_report(record(STORIES, BUSY), day).schedule == "late"
    assert daily_report(record(STORIES, BUSY, duration_text=None), day).schedule == "unknown"
    assert (projected_days(0, 5, 3), projected_days(5, 0, 3), projected_days(5, 5, 3)) == (None, 3.0, 6.0)


def test_a_review_says_what_was_done_and_why_the_rest_was_not() -> None:
    ended = [*BUSY, *log((2, "story.failed", "b", {"state": "failed", "code": "AGENT_EXIT", "reason": "no"}))]
    ended[-1] = ended[-1].model_copy(update={"number": 6, "key": "6"})
    found = sprint_review(record(STORIES, ended, goal="Open the harbour"), START + timedelta(days=14))
    assert [(each.story, each.commit) for each in found.done] == [("d", "d" * 40)]
    assert [(each.story, each.state, each.code) for each in found.not_done][1] == (
        "b",
        StoryState.FAILED,
        "AGENT_EXIT",
    )
    assert (found.planned, found.completed, found.goal) == (20, 5, "Open the harbour")


def test_a_retrospective_has_the_plans_topics_with_our_facts_and_its_improvements() -> None:
    evaluate = ["Pace and estimates", "How we communicated", "The tools", "The quality", "The team", "Lunch"]
    facts = [
        Fact(
            section="Retrospective", name="What to look at", value={"items": [{"text": t} for t in evaluate]}
        ),
        Fact(section="Retrospective", name="Improve", value={"items": [{"text": "Smaller stories"}]}),
    ]
    found = retrospective(record(STORIES, BUSY, facts=facts), START + timedelta(days=14))
    assert [each.heading for each in found.topics] == evaluate
    assert [each.key for each in found.topics] == [*OWN_TOPICS, None]
    assert found.improvements == ["Smaller stories"]
    plain = retrospective(record(STORIES, BUSY), START + timedelta(days=14))
    assert [each.heading for each in plain.topics] == list(OWN_TOPICS.values())


def fact_of(found: Retrospective, key: str) -> dict[str, object]:
    """The facts of one topic."""
    return dict(next(each.facts for each in found.topics if each.key == key))


def test_facts_of_a_retrospective_are_counted_from_the_log() -> None:
    events = log(
        (0.0, "claim.waiting", "a", {"waits_for": ["file:x held by w/b"]}),
        (0.5, "claim.granted", "a", {"attempt": 1}),
        (0.6, "attempt.ended", "a", {"attempt": 1, "code": "AGENT_EXIT"}),
        (0.7, "question.asked", "a", {"question": "a#1", "kind": "take_over"}),
        (1.7, "question.answered", "a", {"question": "a#1", "decision": "approve"}),
        (1.8, "claim.granted", "a", {"attempt": 2}),
        (1.9, "merge.waiting", "a", {"place": 1}),
        (2.0, "merge.made", "a", {"commit": "c" * 40}),
        (2.0, "story.merged", "a", {"state": "merged", "attempts": 2}),
        actor="kim",
    )
    found = retrospective(record(STORIES, events), START + timedelta(days=3))
    day = 86_400
    process = fact_of(found, "process")
    assert process["attempts_without_merge"] == {"AGENT_EXIT": 1}
    assert (process["attempts"], process["stories_done_again"]) == (2, ["a"])
    assert process["seconds_waiting_for_claims"] == 0.5 * day
    assert round(float(str(process["seconds_waiting_for_merges"]))) == round(0.1 * day)
    talk = fact_of(found, "communication")
    assert (talk["questions_asked"], talk["median_answer_seconds"]) == (1, day)
    assert talk["answered_by"] == {"kim": 1}
    assert round(float(str(fact_of(found, "velocity")["working_seconds"]))) == round(0.4 * day)
    assert fact_of(found, "collaboration")["conflicts"] == {"resource": 1}
    assert fact_of(found, "collaboration")["handovers_between_agents"] == 1


def entry(number: int, text: str, kind: EntryKind = EntryKind.IMPROVEMENT, topic: str = "") -> RetroEntry:
    """What somebody added."""
    return RetroEntry(
        key=f"{number}", kind=kind, topic=topic, text=text, actor="kim",
        project="p", sprint=SPRINT, number=number, at=MORNING,
    )  # fmt: skip


def test_what_people_add_stands_under_its_topic_and_in_the_next_sprints_plan() -> None:
    facts = [Fact(section="Retro", name="Improve", value={"items": [{"text": "Smaller stories"}]})]
    before = record(STORIES, BUSY, facts=facts)
    made = kept(ReportKind.RETROSPECTIVE, retrospective(before, START + timedelta(days=14)))
    added = [entry(1, "Ask sooner"), entry(2, "Nice crane", EntryKind.NOTE, "Communication")]
    text = report_text(made, before.plan, added)
    assert "## For the next sprint\n\n- Smaller stories\n- Ask sooner (improvement, kim)" in text
    assert "- Nice crane (note, kim)\n\n## Tools and process" in text
    after = sprint_planning(replace(record(STORIES, []), earlier=[made], entries=added), START)
    assert after.improvements == ["Smaller stories", "Ask sooner"]
    assert after.ready == ["a", "b", "c", "d"]
    assert "- Ask sooner" in report_text(kept(ReportKind.PLANNING, after), before.plan)


def test_planning_tells_of_a_story_that_is_spread_over_sprints() -> None:
    found = record(STORIES, [])
    halves = [Allocation(sprint=SPRINT, points=3, of=5), Allocation(sprint="Sprint 2", points=2, of=5)]
    spread = Story(id=STORIES[0].id, title="Spread", sprints=[SPRINT, "Sprint 2"], allocations=halves)
    here = replace(found, plan=found.plan.model_copy(update={"stories": [spread]}))
    (part,) = sprint_planning(here, START).parts
    assert (part.number, part.of, part.points, part.done_in) == (1, 2, 3, SPRINT)
    text = report_text(kept(ReportKind.PLANNING, sprint_planning(here, START)), here.plan)
    assert f"- {spread.id} is part 1 of 2 here, 3 points: done now" in text
    (later,) = sprint_planning(replace(here, sprint="Sprint 2"), START).parts
    assert (later.number, later.points, later.done_in) == (2, 2, SPRINT)


def test_planning_compares_points_with_capacity() -> None:
    fits = sprint_planning(record(STORIES, [], capacity_range=(18, 25)), START)
    assert (fits.points, fits.capacity, fits.fits) == (20, (18, 25), "fits")
    assert sprint_planning(record(STORIES, [], capacity_points=15), START).fits == "too_much"
    assert sprint_planning(record(STORIES, []), START).fits == "unknown"
    assert next((each.agent, each.points) for each in fits.agents) == ("Ada", 13)


@given(courses(), st.integers(1, 20))
def test_a_daily_report_can_be_counted_again(
    course: tuple[list[PlannedStory], list[Event]], day: int
) -> None:
    stories, events = course
    until = START + timedelta(days=day)
    found = daily_report(record(stories, events), until)
    state = {each.id: "pending" for each in stories}
    for event in events:
        if event.number <= found.period.last_event and event.story:
            state[event.story] = event.data.get("state", "working")
    assert {key.value: count for key, count in found.states.items()} == Counter(state.values())
    assert found.stories_done == sum(each in ("merged", "settled") for each in state.values())
    assert found.points_done == sum(each.points_done for each in found.epics)
    assert found.stories == len(stories)


@given(courses(), st.integers(1, 20))
def test_a_standup_completes_what_the_log_says_was_completed_and_ended_done(
    course: tuple[list[PlannedStory], list[Event]], day: int
) -> None:
    stories, events = course
    found = standup(record(stories, events), START + timedelta(days=day))
    told = [event for event in events if event.number <= found.period.last_event]
    stands = chronicle(stories, told).stands
    completed = {
        event.story
        for event in told
        if event.name in ("story.merged", "story.settled", "story.restored") and event.story
    }
    assert {each.story for agent in found.agents for each in agent.completed} == {
        name for name in completed if stands[name].done
    }
    focus = {each.story for agent in found.agents for each in agent.focus}
    assert focus == {name for name, each in stands.items() if each.state is StoryState.WORKING}


def test_every_kind_of_report_has_a_text() -> None:
    found = record(STORIES, BUSY)
    for kind, data in (
        (ReportKind.DAILY, daily_report(found, MORNING)),
        (ReportKind.REVIEW, sprint_review(found, MORNING)),
    ):
        text = report_text(kept(kind, data), found.plan)
        assert text.startswith("# ")
        assert "None" not in text


def test_a_paused_story_holds_up_its_agent_and_one_that_was_opened_again_is_to_be_done() -> None:
    events = log(
        (0.1, "claim.granted", "a", {"attempt": 1}),
        (0.2, "attempt.ended", "a", {"attempt": 1, "code": "REASSIGNED"}),
        (0.3, "story.paused", "b", {"state": "paused", "reason": "paused by kim"}),
        (0.4, "story.failed", "c", {"state": "failed"}),
        (0.5, "story.reopened", "c", {"attempt": 2, "round": 1}),
    )
    found = record(STORIES, events)
    told = {each.agent: each for each in standup(found, MORNING).agents}
    assert (told["Ada"].blockers, [each.story for each in told["Ada"].focus]) == ([], ["a"])
    assert [(each.kind, each.text) for each in told["Bo"].blockers] == [("paused", "paused by kim")]
    assert told["Cy"].blockers == []
    assert daily_report(found, MORNING).stories_ended == 0


def test_of_a_chain_of_dependencies_the_nearest_is_told() -> None:
    chain = [story("a"), story("b", "Bo", 1, "a"), story("c", "Cy", 1, "a", "b")]
    found = standup(record(chain, BUSY[:1]), MORNING)
    assert [(each.story, each.waits_for) for each in found.dependencies] == [("b", "a"), ("c", "b")]


def test_without_points_nothing_is_said_of_them() -> None:
    found = record([story("a", points=None), story("b", points=None)], BUSY[:1])
    daily = report_text(kept(ReportKind.DAILY, daily_report(found, MORNING)), found.plan)
    assert "- stories left: 2 of 2, 1.86 on the straight line" in daily
    assert "points" not in daily
    planning = report_text(kept(ReportKind.PLANNING, sprint_planning(found, START)), found.plan)
    assert "- 2 stories\n" in planning
    assert "Nothing happened yet." in planning
