"""The tables `[questions]` and `[notify]`: every setting that the pages tell of is read, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from paceline.agents.notify_options import load_notify_options
from paceline.agents.question_options import QuestionTable, load_question_options, with_questions
from paceline.domain.notifications import NotifiedEvent, NotifyOptions, Webhook
from paceline.domain.questions import QuestionKind
from paceline.domain.status import RunOptions
from paceline.errors import ConfigurationError

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "answer-questions.md"
QUESTIONS = """
[questions]
approve_start = "sprints"
approve_sprints = true
confirm_reading = ["POINTS_DIFFER"]
remind_after = "4h"
deadline = "1d"
escalation = ["lead", "owner@example.org"]

[questions.kinds.approve_merge]
remind_after = "10m"
deadline = "2h"
escalation = []
"""
NOTIFY = """
[notify]
command = ["notify-send", "Paceline asks"]
environment = ["DISPLAY"]
events = ["question.asked", "question.answered"]
timeout = 5
tries = 3
pause = 0.5

[notify.webhooks.team]
url = "https://example.org/paceline"
secret_env = "TEAM_SECRET"

[notify.webhooks.hidden]
url_env = "HIDDEN_ADDRESS"
"""


def test_every_setting_of_questions_is_read() -> None:
    table = load_question_options(QUESTIONS)
    assert set(re.findall(r"^(\w+) =", QUESTIONS, flags=re.MULTILINE)) | {"kinds"} == set(
        QuestionTable.model_fields
    ), "each has its line here"
    assert (table.remind_after, table.deadline) == (4 * 3600, 86_400)
    assert table.escalation == ["lead", "owner@example.org"]
    merge, other = table.watch(QuestionKind.APPROVE_MERGE), table.watch(QuestionKind.HUMAN_STORY)
    assert merge is not None
    assert other is not None
    assert (merge.remind_after, merge.deadline, merge.escalation) == (600, 7200, [])
    assert (other.remind_after, other.deadline, len(other.escalation)) == (4 * 3600, 86_400, 2)


def test_who_starts_a_run_goes_before_the_repository() -> None:
    table = load_question_options(QUESTIONS)
    from_file = with_questions(RunOptions(), table)
    assert (from_file.approve_start, from_file.approve_sprints) == ("sprints", True)
    assert from_file.confirm_reading == ["POINTS_DIFFER"]
    assert from_file.questions is not None
    assert from_file.questions.remind_after == 4 * 3600
    said = RunOptions.model_validate(
        {
            "approve_start": "run",
            "approve_sprints": False,
            "confirm_reading": [],
            "questions": {"deadline": 60.0},
        }
    )
    own = with_questions(said, table)
    assert (own.approve_start, own.approve_sprints, own.confirm_reading) == ("run", False, [])
    assert own.questions is not None
    assert (own.questions.deadline, own.questions.remind_after) == (60.0, None)


def test_every_setting_of_notify_is_read_and_told() -> None:
    found = load_notify_options(NOTIFY)
    assert found.command == ["notify-send", "Paceline asks"]
    assert found.environment == ["DISPLAY"]
    assert found.events == [NotifiedEvent.ASKED, NotifiedEvent.ANSWERED]
    assert (found.timeout, found.tries, found.pause) == (5, 3, 0.5)
    assert found.webhooks["team"].secret_env == "TEAM_SECRET"
    assert (found.webhooks["hidden"].url, found.webhooks["hidden"].url_env) == (None, "HIDDEN_ADDRESS")
    assert found.receivers() == ["command", "team", "hidden"]
    told = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert told == [name for name in told if name in NotifyOptions.model_fields]
    assert set(told) == set(NotifyOptions.model_fields)
    assert set(Webhook.model_fields) == {"url", "url_env", "secret_env"}


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("[questions]\nremind = 3\n", "remind"),
        ('[questions]\ndeadline = "soon"\n', "deadline"),
        ("[questions.kinds.no_such_kind]\n", "no_such_kind"),
        ('[questions]\napprove_start = "always"\n', "approve_start"),
    ],
)
def test_a_question_setting_that_does_not_fit_is_refused_by_its_name(written: str, names: str) -> None:
    with pytest.raises(ConfigurationError, match=names):
        load_question_options(written)


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ('[notify]\nwho = "me"\n', "who"),
        ("[notify]\ntries = 0\n", "tries"),
        ('[notify]\nevents = ["story.settled"]\n', "events"),
        ('[notify.webhooks.team]\nurl = "ftp://example.org"\n', "url"),
        ('[notify.webhooks.team]\nurl = "https://me:secret-word@example.org"\n', "url_env"),
        ("[notify.webhooks.team]\n", "url"),
        ('[notify.webhooks.command]\nurl = "https://example.org"\n', "command"),
    ],
)
def test_a_receiver_that_does_not_fit_is_refused_and_no_secret_is_repeated(written: str, names: str) -> None:
    with pytest.raises(ConfigurationError, match=names) as refused:
        load_notify_options(written)
    assert "secret-word" not in refused.value.message
