"""What the command line makes of events, answers, errors and options."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from paceline.cli.asking import parse_answer
from paceline.cli.progress import stories_table
from paceline.cli.run_command import choose_agents, options_differ
from paceline.cli.settings import load_settings, make_home
from paceline.cli.terminal import counted, event_line, pause_line, printable, question_text, run_lines
from paceline.client.api import api_url
from paceline.client.connection import as_error
from paceline.domain.events import Event, EventType
from paceline.domain.questions import Decision, Question, QuestionKind
from paceline.domain.states import StoryState
from paceline.domain.status import ListedRun, Pause, ProjectStatus, Run, RunOptions, StoryStatus
from paceline.domain.steering import SteerScope
from paceline.errors import AlreadyAnswered, ConfigurationError, PacelineError, PlanError, ServerUnavailable
from paceline.settings import Settings

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def event(type_: EventType = EventType.WORKFLOW_EVENT, name: str = "claim.waiting", **data: Any) -> Event:
    """An event of a story."""
    return Event(key="k", type=type_, name=name, story="Story 1.1", data=data, project="p", number=1, at=NOON)


def status_of(stories: list[StoryStatus]) -> ProjectStatus:
    """A run with these stories."""
    run = Run(id="p", title="P", plan_digest="d", options=RunOptions(), started_at=NOON)
    return ProjectStatus(
        run=run, counts={}, percent=0, stories=stories, agents=[], open_questions=0, last_event=0
    )


def test_an_event_is_one_line_without_control_characters() -> None:
    line = event_line(event(reason="waits\nfor \x1b[31mthe shed\x07"))
    assert line is not None
    assert line.endswith("Story 1.1 claim.waiting: waits for [31mthe shed")


def test_an_event_does_not_say_its_name_twice() -> None:
    assert (event_line(event(name="story.settled", state="settled")) or "").endswith(
        "Story 1.1 story.settled"
    )


def test_a_report_says_which_one_it_is() -> None:
    line = event_line(event(name="report.made", kind="daily", number=3, sprint="Sprint 1"))
    assert (line or "").endswith("report.made: daily 3")


def test_events_that_come_in_crowds_are_left_out() -> None:
    assert event_line(event(EventType.AGENT_STATUS_CHANGE)) is None
    assert event_line(event(EventType.ARTIFACT_CREATED, kind="log")) is None
    assert event_line(event(name="attempt.started", attempt=1, confined=True)) is None
    assert event_line(event(EventType.ARTIFACT_CREATED, kind="bundle", path="b.zip")) is not None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("approve\n", (Decision.APPROVE, "")),
        ("a", (Decision.APPROVE, "")),
        ("Yes, please", (Decision.APPROVE, "please")),
        ("amend use two spades\n", (Decision.AMEND, "use two spades")),
        ("reject: too deep", (Decision.REJECT, "too deep")),
        ("n", (Decision.REJECT, "")),
        ("", None),
        ("perhaps", None),
        ("approved", None),
    ],
)
def test_typed_answers(line: str, expected: tuple[Decision, str] | None) -> None:
    assert parse_answer(line) == expected


def test_a_question_says_what_each_answer_means() -> None:
    question = Question(
        id="q1", kind=QuestionKind.APPROVE_MERGE, project="p", workflow_id="p/s/e/1", story="Story 1.1",
        text="Merge?\x1b[2J", context={"commit": "c0ffee", "empty": ""}, asked_at=NOON,
    )  # fmt: skip
    text = question_text(question)
    assert "approve: merge it" in text
    assert "commit: c0ffee" in text
    assert "empty" not in text
    assert "\x1b" not in text


def test_a_question_keeps_the_lines_of_its_facts_and_says_nothing_twice() -> None:
    question = Question(
        id="q1", kind=QuestionKind.TAKE_OVER, project="shed", workflow_id="shed/s/e/1", story="Story 1.1",
        text="Story 1.1 (Dig) failed: the spade broke. What now?", asked_at=NOON,
        context={"reason": "the spade broke", "attempt": 1, "diff_summary": " a | 1 +\n b | 2 ++\n"},
    )  # fmt: skip
    lines = question_text(question).splitlines()
    assert lines[0] == "Question q1 (take_over) of shed, Story 1.1"
    assert lines[2:6] == ["  attempt: 1", "  diff_summary:", "     a | 1 +", "     b | 2 ++"]
    assert sum("the spade broke" in line for line in lines) == 1


def test_commits_are_shortened_and_numbers_agree() -> None:
    line = event_line(event(name="story.merged", merge_commit="c0ffee" * 7))
    assert (line or "").endswith("story.merged: c0ffeec0ffee")
    assert counted(1, "story", "stories") == "1 story"
    assert counted(0, "story", "stories") == "0 stories"


@pytest.mark.parametrize("width", [80, 60])
def test_a_state_is_never_cut_off(width: int) -> None:
    story = StoryStatus(
        id="Story 1.1", title="Dig all of the beds", sprint="s", agents=["Digger", "Planter"], attempt=1,
        state=StoryState.WAITING_FOR_PERSON, reason="waits for an answer to a question",
    )  # fmt: skip
    console = Console(width=width, file=StringIO(), record=True)
    console.print(stories_table(status_of([story])))
    assert "waiting_for_person" in console.export_text()


@pytest.mark.parametrize(
    ("asked", "differs"),
    [
        ({}, False),
        ({"agents": {"*": {"kind": "simulated"}}}, False),
        ({"agents": {"*": {"kind": "human"}}}, True),
        ({"approve_merges": True}, True),
    ],
)
def test_options_that_an_attached_run_does_not_have_are_noticed(asked: dict[str, Any], differs: bool) -> None:
    used = RunOptions.model_validate({"agents": {"Digger": {"kind": "simulated"}}})
    assert options_differ(RunOptions.model_validate(asked), used) is differs


def test_printable_keeps_lines_and_letters() -> None:
    assert printable("Grüße\n\tan\x00 alle\u202e") == "Grüße\n\tan alle"


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"api_url": "https://paceline.example/"}, "https://paceline.example"),
        ({"api_port": 9}, "http://127.0.0.1:9"),
        ({"api_host": "0.0.0.0", "api_port": 9}, "http://127.0.0.1:9"),  # noqa: S104 - turned into loopback
        ({"api_host": "::1", "api_port": 9}, "http://[::1]:9"),
    ],
)
def test_where_the_api_is(settings: dict[str, Any], url: str) -> None:
    assert api_url(Settings(**settings)) == url


def test_problem_documents_become_our_errors_again() -> None:
    problem = {"code": "PLAN_INVALID", "detail": "It has errors.", "findings": [{"line": 3}]}
    error = as_error(422, json.dumps(problem), "http://x")
    assert isinstance(error, PlanError)
    assert error.message == "It has errors."
    assert error.details["findings"] == [{"line": 3}]
    answered = as_error(409, json.dumps({"code": "ALREADY_ANSWERED", "detail": "Ada."}), "http://x")
    assert isinstance(answered, AlreadyAnswered)
    unknown = as_error(418, json.dumps({"code": "TEAPOT", "detail": "Short and stout."}), "http://x")
    assert type(unknown) is PacelineError


@pytest.mark.parametrize("text", ["<html>", "[]", "{}", '"x"'])
def test_what_is_no_problem_document_is_another_program(text: str) -> None:
    assert isinstance(as_error(502, text, "http://x"), ServerUnavailable)


def test_agents_of_the_command_line() -> None:
    assert choose_agents(None, None) == {}
    assert choose_agents("simulated", None)["*"].kind == "simulated"
    assert choose_agents("claude", None)["*"].output == "claude"
    assert choose_agents(None, "dig --deep '{order}'")["*"].command == ["dig", "--deep", "{order}"]


@pytest.mark.parametrize(
    ("agent", "command"), [("claude", "dig"), ("nobody", None), (None, "'"), (None, " ")]
)
def test_wrong_agents_are_refused_with_a_sentence(agent: str | None, command: str | None) -> None:
    with pytest.raises(ConfigurationError):
        choose_agents(agent, command)


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACELINE_API_PORT", "often")
    with pytest.raises(ConfigurationError, match="PACELINE_API_PORT"):
        load_settings()


def test_a_reader_that_went_away_stops_nothing() -> None:
    program = "from paceline.cli.terminal import complain, say; say('a'); say('b'); complain('went on')"
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "went on\n")


def test_a_home_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="PACELINE_HOME"):
        make_home(Settings(home=tmp_path / "file" / "home"))


def test_a_table_that_is_too_long_keeps_what_moves() -> None:
    stories = [StoryStatus(id=f"S{number}", title="t", sprint="s") for number in range(30)]
    stories[25] = stories[25].model_copy(update={"state": StoryState.WORKING, "attempt": 1})
    status = status_of(stories)
    table = stories_table(status, 6)
    shown = [str(cell) for cell in table.columns[0].cells]
    assert table.row_count == 6
    assert "S25" in shown
    assert stories_table(status).row_count == 30


def test_runs_stand_under_their_headings() -> None:
    short = ListedRun.model_validate(status_of([]).run.model_dump())
    long = short.model_copy(update={"id": "a-longer-id", "title": "One\x1b[2J"})
    lines = run_lines([short, long])
    assert lines[0].split() == ["run", "state", "started", "title"]
    assert {line.index(word) for line, word in zip(lines[1:], ("running", "running"), strict=True)} == {
        lines[0].index("state")
    }
    assert lines[2].endswith("  One[2J")


def test_a_pause_says_what_by_whom_and_why() -> None:
    pause = Pause(
        scope=SteerScope.EPIC,
        target="Epic 1",
        sprint="Sprint 2",
        actor="ada",
        reason="lunch",
        since=datetime(2025, 1, 6, 12, tzinfo=UTC),
    )
    line = pause_line(pause)
    assert line.startswith("paused: Epic 1 in Sprint 2, by ada since 2025-01-06")
    assert line.endswith(": lunch")
    whole = pause.model_copy(update={"scope": SteerScope.PROJECT, "target": "p", "reason": ""})
    assert pause_line(whole).startswith("paused: the run p, by ada since")
