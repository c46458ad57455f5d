"""What plans write of their ceremonies is found in each of the shapes that readers keep it in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from paceline.domain.calendar import Calendar, CalendarOptions, phases_on, planned_days
from paceline.domain.ceremonies import ceremony, headed
from paceline.domain.model import Model
from paceline.domain.plan import Plan
from paceline.domain.report_texts import STANDUP_WORDS, report_text
from paceline.domain.reports import Report, ReportKind
from paceline.domain.retrospective import OWN_TOPICS, TOPIC_WORDS
from paceline.domain.sprint_planning import sprint_planning
from paceline.domain.sprint_record import SprintRecord
from paceline.domain.sprint_review import sprint_review
from paceline.domain.standup import standup
from paceline.domain.velocity_report import velocity_report
from paceline.plans.reader import read_plan
from tests.shared_plans import plan_text, truth
from tests.unit.domain.sprint_logs import START, log, story


def shared(name: str) -> Plan:
    """A shared plan."""
    return read_plan(plan_text(name), f"{name}.md")


def test_standup_topics_of_a_communication_protocol() -> None:
    told = truth("webrtc-sprint")["communication"]["daily_standups"]
    found = ceremony(shared("webrtc-sprint"), ReportKind.STANDUP)
    assert found.topics == [*told["agent_reports"], told["manager"], told["outcome"]]
    words = headed(found.topics, STANDUP_WORDS)
    assert [words[name] for name in ("completed", "focus", "blockers")] == told["agent_reports"]
    assert (words["dependencies"], words["reassignments"]) == (told["manager"], told["outcome"])


def test_day_one_to_fourteen_of_the_sprint_have_the_phases_of_the_plan() -> None:
    plan = shared("webrtc-sprint")
    sprint = plan.sprints[0].id
    assert planned_days(plan, sprint) == truth("webrtc-sprint")["counts"]["days"] == 14
    told = [(phase.id, phase.days) for phase in plan.phases if phase.days]
    for day in range(1, 15):
        expected = [name for name, (first, last) in told if first <= day <= last]
        assert [phase.id for phase in phases_on(plan, sprint, day)] == expected
        assert len(expected) == 1


def test_minutes_of_a_list_of_ceremonies() -> None:
    told = {each["name"]: each for each in truth("autolynx-sprints")["ceremonies"]}
    plan = shared("autolynx-sprints")
    kinds = (ReportKind.PLANNING, ReportKind.STANDUP, ReportKind.REVIEW, ReportKind.RETROSPECTIVE)
    minutes = [ceremony(plan, kind).minutes for kind in kinds]
    assert minutes == [each["minutes"] for each in told.values()]
    assert minutes == [120, 15, 60, 60]


def test_topics_of_a_communication_plan() -> None:
    told = {each["name"]: each["items"] for each in truth("epic-001-assignment")["communication"]}
    plan = shared("epic-001-assignment")
    for kind, name in (
        (ReportKind.STANDUP, "Daily Standups"),
        (ReportKind.PLANNING, "Sprint Planning"),
        (ReportKind.REVIEW, "Sprint Reviews"),
    ):
        assert ceremony(plan, kind).topics == [each["text"] for each in told[name]]


def test_reports_ask_for_every_topic_of_a_communication_plan() -> None:
    """Dependencies and blockers have sections of their own, and what only people can say is asked for."""
    told = {each["name"]: each["items"] for each in truth("epic-001-assignment")["communication"]}
    plan = shared("epic-001-assignment")
    sprint = plan.sprints[0].id
    first, second = [each for each in plan.stories if each.sprints[0] == sprint][:2]
    stories = [
        replace(story(first.id, "Ada"), sprint=sprint),
        replace(story(second.id, "Bo", 2, first.id), sprint=sprint),
    ]
    end = START + timedelta(days=1)
    whole = SprintRecord(plan, sprint, stories, log(), Calendar(START, CalendarOptions()))
    made: list[tuple[ReportKind, str, Model]] = [
        (ReportKind.STANDUP, "Daily Standups", standup(whole, end)),
        (ReportKind.PLANNING, "Sprint Planning", sprint_planning(whole, end)),
        (ReportKind.REVIEW, "Sprint Reviews", sprint_review(whole, end)),
    ]
    for kind, name, content in made:
        data = content.model_dump(mode="json")
        report = Report(project="p", sprint=sprint, kind=kind, number=1, made_at=end, data=data)
        text = report_text(report, plan)
        assert told[name]
        for each in told[name]:
            assert each["text"] in text, (kind, each)
        if kind is ReportKind.STANDUP:
            assert f"{second.id} (Bo) waits for {first.id} (Ada), which is pending" in text
            assert f"{second.id}: waits for {first.id} (pending)" in text


def test_a_retrospective_with_what_to_evaluate_and_what_to_improve() -> None:
    told = truth("nova-torch-sprint")["retrospective"]
    found = ceremony(shared("nova-torch-sprint"), ReportKind.RETROSPECTIVE)
    evaluate, improve = ([each["text"] for each in items] for items in told.values())
    assert (found.topics, found.improvements) == (evaluate, improve)
    assert (len(evaluate), len(improve)) == (5, 4)
    assert len(headed(found.topics, TOPIC_WORDS)) == len(OWN_TOPICS) == 5


def test_planned_points_are_those_stated_and_completed_ones_are_filled_in() -> None:
    """The plan leaves completed points and velocity open; the run fills them in."""
    told = truth("nova-torch-sprint")["sprints"][0]
    assert (told["points_completed"], told["velocity"]) == (None, None)
    plan = shared("nova-torch-sprint")
    sprint = plan.sprints[0].id
    todo = [each for each in plan.stories if not each.done]
    stories = [replace(story(each.id, points=each.points), sprint=sprint) for each in todo]
    ended = [(1.5, "story.merged", each.id, {"state": "merged"}) for each in todo]
    calendar, end = Calendar(START, CalendarOptions()), START + timedelta(days=14)
    before = velocity_report(SprintRecord(plan, sprint, stories, log(), calendar), end)
    after = velocity_report(SprintRecord(plan, sprint, stories, log(*ended), calendar), end)
    assert (before.sprint.planned, before.sprint.completed) == (told["points_planned"], 0)
    assert (after.unit, after.basis) == ("points", "stated")
    assert after.sprint.completed == pytest.approx(told["points_planned"]) == 40
    assert sum(day.done for day in after.burn_down) == pytest.approx(40)
