"""Messages about questions arrive at a command and at webhooks that refuse, hang and fail at first."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from paceline.domain.notifications import Notification
from paceline.domain.questions import Decision
from paceline.domain.work import AgentDeclaration
from paceline.store import notifications
from tests.sample_plans import E, S, plan
from tests.world import World

pytestmark = pytest.mark.temporal

ONE = plan(E("1", [S("1.1")]))
HUMAN = {"*": AgentDeclaration(kind="human")}
SECRET = "s3cr3t-5f1d"
HANG = -1
CUT = -2
COMMAND = (
    "import os, sys; open(sys.argv[1], 'a').write(sys.stdin.read() + chr(10)); "
    "print('it was said', os.environ.get('PACELINE_TEST_SECRET'), os.environ.get('PACELINE_TEST_SHOWN'))"
)


class Receiver(ThreadingHTTPServer):
    """A real server that answers with the next of its statuses, then with 204 for ever."""

    daemon_threads = True

    def __init__(self, *statuses: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses = list(statuses)
        self.came: list[tuple[dict[str, str], bytes]] = []
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}/hook?token=part-of-the-address"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver  # pyright: ignore[reportIncompatibleVariableOverride] - narrower, as it is made by it

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        status = self.server.statuses.pop(0) if self.server.statuses else 204
        self.server.came.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.close_connection = True
        if status == HANG:
            self.server.closing.wait(30)
        elif status != CUT:
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def receiving(*statuses: int) -> Generator[Receiver]:
    """A receiver for as long as the block lasts."""
    server = Receiver(*statuses)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def told_by(url: str, **options: object) -> dict[str, Any]:
    """Options with one webhook, tried again at once."""
    hook = {"url": url, "secret_env": "PACELINE_TEST_SECRET"}
    return {"webhooks": {"team": hook}, "pause": 0.05, "timeout": 1.0, **options}


async def until_state(world: World, project: str, state: str, count: int = 1) -> list[Notification]:
    """Wait until so many messages of a run stand there."""

    async def there() -> bool:
        return len(await world.database.read(notifications.list_notifications, project, state)) >= count

    await world.until(there, f"{count} messages that are {state}")
    return await world.database.read(notifications.list_notifications, project, state)


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's environment has the secret."""
    monkeypatch.setenv("PACELINE_TEST_SECRET", SECRET)


async def test_a_receiver_that_fails_in_every_way_gets_it_in_the_end(
    world: World, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with receiving(500, HANG, CUT, 404, 302) as receiver:
        run = await world.start(ONE, project=name, agents=HUMAN, notify=told_by(receiver.url))
        async with world.workers():
            question = await world.question(run.id)
            [sent] = await until_state(world, run.id, "sent")
            await world.answer(question, Decision.APPROVE)
            await world.result(run.id)
    assert (sent.tries, len(receiver.came)) == (6, 6)
    assert {headers["paceline-notification"] for headers, _ in receiver.came} == {sent.id}
    for headers, body in receiver.came:
        signed = headers["paceline-timestamp"].encode() + b"." + body
        expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        assert headers["paceline-signature"] == f"v1={expected}"
    said = json.loads(receiver.came[-1][1])
    assert (said["question"], said["event"], said["waits_for_it"]) == (
        question.id,
        "question.asked",
        ["Story 1.1"],
    )
    codes = [word for word in caplog.text.split() if word.startswith("NOTIFY_")]
    assert codes == [
        "NOTIFY_REFUSED",
        "NOTIFY_TIMEOUT",
        "NOTIFY_UNREACHABLE",
        "NOTIFY_REFUSED",
        "NOTIFY_REFUSED",
    ]
    for text in (caplog.text, json.dumps([event.data for event in await world.events(run.id)])):
        assert SECRET not in text
        assert "part-of-the-address" not in text


async def test_a_dead_receiver_is_given_up_and_people_have_it_sent_again(world: World, name: str) -> None:
    with receiving(*[503] * 3) as receiver:
        run = await world.start(ONE, project=name, agents=HUMAN, notify=told_by(receiver.url, tries=3))
        async with world.workers():
            [dead] = await until_state(world, run.id, "dead")
            assert (dead.tries, dead.code, dead.reason) == (
                3,
                "NOTIFY_REFUSED",
                "team answered with status 503.",
            )
            await world.database.write(notifications.redeliver, [dead.id])
            [sent] = await until_state(world, run.id, "sent")
            await world.answer(await world.question(run.id), Decision.APPROVE)
            await world.result(run.id)
    assert (sent.id, sent.tries, len(receiver.came)) == (dead.id, 1, 4)


async def test_what_was_written_while_no_worker_sent_it_is_sent_at_the_next_start(
    world: World, name: str
) -> None:
    with receiving(*[HANG]) as receiver:
        run = await world.start(ONE, project=name, agents=HUMAN, notify=told_by(receiver.url, timeout=30.0))
        async with world.workers():
            question = await world.question(run.id)

            async def tried() -> bool:
                return len(receiver.came) == 1

            await world.until(tried, "the first try")
        [left] = await world.database.read(notifications.list_notifications, run.id)
        assert (left.state, left.tries) == ("waiting", 1)
        # Its lease is over once nobody can be sending it any more.
        assert await world.database.write(
            notifications.note_failed, left, "NOTIFY_UNREACHABLE", "its sender was stopped", 0.0
        )
        async with world.workers():
            [sent] = await until_state(world, run.id, "sent")
            await world.answer(question, Decision.APPROVE)
            await world.result(run.id)
    assert [headers["paceline-notification"] for headers, _ in receiver.came] == [sent.id, sent.id]


async def test_a_command_gets_each_message_and_what_it_prints_is_kept(
    world: World, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sees the variables that it was given by name, and no other of the worker's."""
    monkeypatch.setenv("PACELINE_TEST_SHOWN", "shown")
    heard = tmp_path / "heard"
    notify = {
        "environment": ["PACELINE_TEST_SHOWN"],
        "command": [sys.executable, "-c", COMMAND, str(heard)],
        "events": ["question.asked", "question.answered"],
    }
    run = await world.start(ONE, project=name, agents=HUMAN, notify=notify)
    async with world.workers():
        await world.answer(await world.question(run.id), Decision.AMEND, "as  you like")
        await world.result(run.id)
        sent = await until_state(world, run.id, "sent", 2)
    said = [json.loads(line) for line in heard.read_text().splitlines()]
    assert {each["event"] for each in said} == {"question.asked", "question.answered"}
    assert [each["text"] for each in said if each["event"] == "question.answered"] == ["as  you like"]
    for each in sent:
        log = world.settings.home / "notifications" / f"{each.id}.log"
        assert (log.read_text(), log.stat().st_mode & 0o777) == ("it was said None shown\n", 0o600)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["/bin/sh", "-c", "exit 3"], "NOTIFY_COMMAND"),
        (["/no/such/program"], "NOTIFY_COMMAND"),
        (["/bin/sh", "-c", "sleep 600 & wait"], "NOTIFY_TIMEOUT"),
    ],
    ids=["fails", "missing", "hangs"],
)
async def test_a_command_that_does_not_take_it_is_given_up_with_a_reason(
    world: World, name: str, command: list[str], code: str
) -> None:
    notify = {"command": command, "tries": 1, "timeout": 0.5}
    run = await world.start(ONE, project=name, agents=HUMAN, notify=notify)
    async with world.workers():
        [dead] = await until_state(world, run.id, "dead")
        await world.answer(await world.question(run.id), Decision.APPROVE)
        await world.result(run.id)
    assert (dead.code, dead.tries) == (code, 1)


async def test_a_missing_secret_sends_nothing_unsigned(
    world: World, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PACELINE_TEST_SECRET")
    with receiving() as receiver:
        run = await world.start(ONE, project=name, agents=HUMAN, notify=told_by(receiver.url, tries=1))
        async with world.workers():
            [dead] = await until_state(world, run.id, "dead")
            await world.answer(await world.question(run.id), Decision.APPROVE)
            await world.result(run.id)
    assert (dead.code, receiver.came) == ("NOTIFY_SECRET", [])


async def test_one_that_hangs_holds_up_no_other(world: World, name: str) -> None:
    with receiving(*[HANG] * 3) as slow, receiving() as quick:
        notify = told_by(slow.url, timeout=20.0)
        notify["webhooks"]["quick"] = {"url": quick.url}
        run = await world.start(ONE, project=name, agents=HUMAN, notify=notify)
        async with world.workers():
            [sent] = await until_state(world, run.id, "sent")
            assert (sent.receiver, len(slow.came)) == ("quick", 1)
            assert "paceline-signature" not in quick.came[0][0]
            await world.answer(await world.question(run.id), Decision.APPROVE)
            async with asyncio.timeout(15):
                await world.result(run.id)
