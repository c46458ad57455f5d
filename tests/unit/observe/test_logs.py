"""One line a record, in text or JSON, with what it is about and without secrets."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from paceline.observe.context import bound
from paceline.observe.logs import HANDLER, fields_of_workflow, set_up_logging
from paceline.observe.redaction import HIDDEN, Redactor
from paceline.settings import Settings

SESSION = "pcs_" + "Ab-_9" * 9
TOKEN = "pct_0123456789ab_" + "Ab-_" * 10 + "xyz"


@pytest.fixture
def root() -> Iterator[None]:
    """The root logger, as it was, afterwards."""
    logger = logging.getLogger()
    level, handlers = logger.level, list(logger.handlers)
    yield
    for each in [each for each in logger.handlers if each.get_name() == HANDLER]:
        each.close()
    logger.handlers[:] = handlers
    logger.setLevel(level)


def logging_to(form: str, **settings: object) -> io.StringIO:
    said = io.StringIO()
    set_up_logging(Settings.model_validate({"log_format": form, **settings}), stream=said)
    return said


def one(said: io.StringIO) -> dict[str, Any]:
    (line,) = said.getvalue().splitlines()
    return json.loads(line)


@pytest.mark.usefixtures("root")
def test_a_json_line_says_what_it_is_about() -> None:
    said = logging_to("json", log_level="info")
    with bound(project="beds", story="1.1", attempt=2, agent="digger", request_id=None):
        logging.getLogger("workers.sweep").info("freed %s", "it", extra={"duration_ms": 4.5})
    logging.getLogger("workers.sweep").debug("too small to be told")
    line = one(said)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "workers.sweep",
        "event": "freed it",
        "project": "beds",
        "story": "1.1",
        "attempt": 2,
        "agent": "digger",
        "duration_ms": 4.5,
    }


@pytest.mark.usefixtures("root")
def test_text_is_the_default_and_for_people() -> None:
    said = io.StringIO()
    set_up_logging(Settings(), stream=said)
    with bound(project="beds"):
        logging.getLogger("api.guard").warning("request refused")
    logging.getLogger("api.guard").info("not told")
    assert said.getvalue().split(" ", 1)[1] == "WARNING api.guard: request refused (project=beds)\n"


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("form", ["text", "json"])
def test_hostile_words_stay_in_their_line(form: str) -> None:
    said = logging_to(form)
    hostile = "x\n2026-11-22 ERROR root: forged\r\x1b[2J\u2028"
    try:
        raise ValueError(hostile)
    except ValueError:
        logging.getLogger("api").exception("it said %s", hostile)
    lines = said.getvalue().splitlines()
    assert not any(line.startswith("2026-11-22 ERROR") for line in lines)
    assert "\x1b" not in said.getvalue()
    assert "ValueError" in said.getvalue()
    assert len(lines) == 1 if form == "json" else all(line.startswith("  ") for line in lines[1:])


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_is_logged(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SIGNING_SECRET", 'the "quoted" hook\\secret')
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=otel-header-value")
    said = logging_to(
        form,
        api_token=SecretStr("own-token-of-the-api"),
        database_url="postgresql://paceline:data%21base-pw@db/paceline",
    )
    secrets = [
        TOKEN,
        SESSION,
        "own-token-of-the-api",
        'the "quoted" hook\\secret',
        "otel-header-value",
        "data!base-pw",
        "data%21base-pw",
    ]
    log = logging.getLogger("workers.notifier")
    for secret in secrets:
        log.warning("sent %s", secret)
        log.warning("sent", extra={"caller": secret})
        with bound(project=secret):
            log.warning("sent")
        try:
            raise RuntimeError(f"refused with {secret}")
        except RuntimeError:
            log.exception("it was refused")
    log.warning("headers: %s", {"Authorization": "Bearer abc.def-ghi", "Cookie": "session=s3cr3t-value"})
    log.warning("Authorization: Basic dXNlcjpwYXNz and postgresql://me:hidden-pw@host/db")
    text = said.getvalue()
    for secret in [*secrets, "abc.def-ghi", "s3cr3t-value", "dXNlcjpwYXNz", "hidden-pw"]:
        assert secret not in text
        assert json.dumps(secret)[1:-1] not in text
    assert text.count(HIDDEN) >= 4 * len(secrets) + 3


def test_ordinary_words_are_kept() -> None:
    redactor = Redactor(["", "abc"])
    for text in ("the bearer of news abc", "postgresql://db/paceline", "commit 0123456789ab", "author: ada"):
        assert redactor.text(text) == text or text.startswith("the bearer")
    assert redactor.value({"number": 3, "list": ["a", None, True]}) == {
        "number": 3,
        "list": ["a", None, True],
    }


@pytest.mark.usefixtures("root")
@pytest.mark.usefixtures("root")
def test_asking_for_the_schema_says_nothing() -> None:
    said = logging_to("json", log_level="info")
    logging.getLogger("alembic.runtime.migration").info("Context impl SQLiteImpl.")
    logging.getLogger("alembic.runtime.migration").warning("Something is wrong.")
    assert one(said)["event"] == "Something is wrong."


def test_a_second_set_up_replaces_the_first(tmp_path: Path) -> None:
    said = logging_to("text")
    set_up_logging(Settings(), file=tmp_path / "paceline.log")
    logging.getLogger("api").warning("once")
    assert said.getvalue() == ""
    assert (tmp_path / "paceline.log").read_text().count("once") == 1


def test_the_id_of_a_workflow_says_where_it_stands() -> None:
    assert fields_of_workflow("beds/sprint-1/epic-2/story-2.2") == {
        "workflow_id": "beds/sprint-1/epic-2/story-2.2",
        "project": "beds",
        "sprint": "sprint-1",
        "epic": "epic-2",
        "story": "story-2.2",
    }
    for other in ("beds@absence/3f2a/builder", "beds/rollback/1", "beds/sprint-1@clock"):
        assert fields_of_workflow(other) == {"workflow_id": other, "project": "beds"}
    assert fields_of_workflow("") == {}
