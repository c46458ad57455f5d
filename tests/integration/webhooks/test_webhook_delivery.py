"""Events arrive at real receivers, signed, at least once, whatever these do; on both databases."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from paceline.domain.events import Event
from paceline.settings import Settings
from paceline.store import events, webhook_deliveries, webhook_pump, webhook_reconcile, webhooks
from paceline.store.database import Database
from paceline.store.models import NotificationRow
from paceline.store.sealing import Seal
from tests.integration.webhooks.subscriptions import SECRET, found, in_state, subscribe
from tests.outside import CUT, HANG, happen, outside, sender, until, verified


async def test_each_event_after_its_making_arrives_signed_and_as_the_api_shows_it(
    database: Database, settings: Settings
) -> None:
    happen(database, "p", "before")
    with outside() as receiver:
        webhook = subscribe(database, settings, receiver.url)
        happen(database, "p", "story.merged", "story.failed", mark="x")
        happen(database, "q", "project.started")
        async with sender(database, settings):
            await until(lambda: len(receiver.came) == 3, "three deliveries")
            happen(database, "p", "later", mark="y")
            await until(lambda: len(receiver.came) == 4, "the delivery of what came later")
            await until(lambda: len(in_state(database, webhook, "sent")) == 4, "the fourth noted")
    assert all(verified(SECRET, *each) for each in receiver.came)
    said = [json.loads(body) for _, body in receiver.came]
    got = sorted((each["data"]["project"], each["data"]["number"], each["type"]) for each in said)
    assert got == [
        ("p", 2, "story.merged"),
        ("p", 3, "story.failed"),
        ("p", 4, "later"),
        ("q", 1, "project.started"),
    ]
    first = next(each["data"] for each in said if each["type"] == "story.merged")
    assert Event.model_validate(first) == database.read_now(events.events_after, "p", 1, 1)[0]
    assert len(set(receiver.ids)) == 4
    assert found(database, webhook).last_sent_at is not None


async def test_a_receiver_that_fails_in_every_way_gets_it_in_the_end_under_one_id(
    database: Database, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    # Long enough for every answer but that of the one that hangs, also on a busy machine.
    patient = settings.model_copy(update={"webhook_tries": 10, "webhook_timeout": 5.0})
    with outside(
        500, HANG, CUT, 404, 302, 204, said=b"no\x00 <b>thanks</b>", location="http://127.0.0.1:9/"
    ) as receiver:
        webhook = subscribe(database, patient, receiver.url)
        happen(database, "p", "story.merged")
        async with sender(database, patient):
            await until(lambda: bool(in_state(database, webhook, "sent")), "the delivery")
    assert (len(receiver.came), len(set(receiver.ids))) == (6, 1)
    assert len({body for _, body in receiver.came}) == 1
    assert in_state(database, webhook, "sent")[0].tries == 6
    for code in (
        "NOTIFY_TIMEOUT",
        "NOTIFY_UNREACHABLE",
        "status 404 and said: no <b>thanks</b>.",
        "status 302",
    ):
        assert code in caplog.text
    assert found(database, webhook).failing_since is None


async def test_a_dead_letter_stays_for_people_and_is_redelivered(
    database: Database, settings: Settings
) -> None:
    with outside(400, 400, 400, 400, 204) as receiver:
        webhook = subscribe(database, settings, receiver.url)
        happen(database, "p", "story.merged")
        async with sender(database, settings):
            await until(lambda: bool(in_state(database, webhook, "dead")), "giving up")
            [dead] = in_state(database, webhook, "dead")
            assert (dead.tries, dead.code, dead.number) == (4, "NOTIFY_REFUSED", 1)
            assert database.write_now(webhook_deliveries.redeliver_dead, webhook.id) == 1
            await until(lambda: bool(in_state(database, webhook, "sent")), "the redelivery")
    assert len(set(receiver.ids)) == 1


async def test_a_receiver_that_is_gone_is_paused_with_an_event_and_loses_nothing(
    database: Database, settings: Settings
) -> None:
    with outside(410, 204) as receiver:
        webhook = subscribe(database, settings, receiver.url, events=["story.*"])
        happen(database, "p", "story.merged")
        async with sender(database, settings):
            await until(lambda: not found(database, webhook).active, "the pause")
            happen(database, "p", "story.failed", "claim.granted", mark="z")
            await database.write(webhooks.queue_ping, webhook.id)
            await until(lambda: len(receiver.came) == 2, "a ping although it is paused")
            assert "NOTIFY_GONE" in (found(database, webhook).reason or "")
            database.write_now(webhooks.change_webhook, webhook.id, active=True)
            await until(lambda: len(receiver.came) == 4, "what it missed")
    assert sorted(receiver.numbers) == [1, 1, 3]
    [told] = [each for each in database.read_now(events.events_after, "p") if each.name == "webhook.paused"]
    assert (told.data["webhook"], told.data["code"]) == (webhook.id, "NOTIFY_GONE")
    assert "part-of-the-address" not in json.dumps(told.data)


async def test_one_to_which_nothing_arrives_for_long_is_paused_and_keeps_its_messages(
    database: Database, settings: Settings
) -> None:
    short = settings.model_copy(update={"webhook_patience": 0.2, "webhook_tries": 100})
    with outside(503) as receiver:
        webhook = subscribe(database, short, receiver.url)
        happen(database, "p", "a", "b")
        async with sender(database, short):
            await until(lambda: not found(database, webhook).active, "the pause")
    assert "NOTIFY_REFUSED: nothing arrived since" in (found(database, webhook).reason or "")
    # The pause is an event of the run too, which it gets when it goes on.
    assert {each.number for each in in_state(database, webhook, "waiting")} == {1, 2}
    assert receiver.most_under_way <= webhook_deliveries.WIDTH


async def test_one_that_hangs_holds_up_no_other(database: Database, settings: Settings) -> None:
    slow = settings.model_copy(update={"webhook_timeout": 40.0})
    with outside(HANG) as stuck, outside() as quick:
        subscribe(database, slow, stuck.url, "stuck")
        subscribe(database, slow, quick.url, "quick")
        happen(database, "p", *(f"e{number}" for number in range(60)))
        async with sender(database, slow):
            await until(lambda: len(quick.came) == 60, "all deliveries to the quick one")
            assert stuck.most_under_way == len(stuck.came) == webhook_deliveries.WIDTH
            assert quick.most_under_way <= webhook_deliveries.WIDTH


async def test_both_secrets_sign_for_a_while(database: Database, settings: Settings) -> None:
    new = "whsec_" + "bmV3" * 10
    with outside() as receiver:
        webhook = subscribe(database, settings, receiver.url)
        database.write_now(webhooks.rotate_secret, webhook.id, Seal(None).seal(new), timedelta(hours=1))
        happen(database, "p", "a")
        async with sender(database, settings):
            await until(lambda: len(receiver.came) == 1, "a delivery")
            database.write_now(webhooks.rotate_secret, webhook.id, Seal(None).seal(new), timedelta(0))
            happen(database, "p", "b", mark="b")
            await until(lambda: len(receiver.came) == 2, "another one")
    first, second = receiver.came
    assert (verified(SECRET, *first), verified(new, *first)) == (True, True)
    assert (verified(SECRET, *second), verified(new, *second)) == (False, True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "[::ffff:127.0.0.1]", "2130706433"])
async def test_addresses_that_are_not_public_are_not_connected_to(
    database: Database, settings: Settings, host: str
) -> None:
    closed = settings.model_copy(update={"webhook_networks": None, "webhook_tries": 1})
    with outside() as receiver:
        url = receiver.url.replace("127.0.0.1", host)
        webhook = subscribe(database, closed, url)
        happen(database, "p", "a")
        async with sender(database, closed):
            await until(lambda: bool(in_state(database, webhook, "dead")), "giving up")
    [dead] = in_state(database, webhook, "dead")
    assert (dead.code, receiver.came) == ("NOTIFY_ADDRESS", [])


async def test_nothing_goes_to_a_proxy_of_the_environment(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with outside() as receiver, outside() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.server_port}")
        monkeypatch.setenv("NO_PROXY", "")
        webhook = subscribe(database, settings, receiver.url)
        happen(database, "p", "a")
        async with sender(database, settings):
            await until(lambda: bool(in_state(database, webhook, "sent")), "the delivery")
    assert (len(receiver.came), proxy.came) == (1, [])
    assert receiver.came[0][0]["host"] == f"127.0.0.1:{receiver.server_port}"


async def test_a_sealed_webhook_is_kept_unreadable_and_is_not_sent_unsigned(
    database: Database, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sealed = settings.model_copy(update={"webhook_key": SecretStr("k" * 40), "webhook_tries": 1})
    turned = settings.model_copy(update={"webhook_key": SecretStr("n" * 40 + "," + "k" * 40)})
    with outside() as receiver:
        webhook = subscribe(database, sealed, receiver.url)
        kept = database.read_now(webhooks.target_of, webhook.id)
        happen(database, "p", "a")
        async with sender(database, settings.model_copy(update={"webhook_tries": 1})):
            await until(lambda: bool(in_state(database, webhook, "dead")), "giving up")
        assert (in_state(database, webhook, "dead")[0].code, receiver.came) == ("NOTIFY_SECRET", [])
        database.write_now(webhook_deliveries.redeliver_dead, webhook.id)
        async with sender(database, turned):
            await until(lambda: len(receiver.came) == 1, "the delivery with the new and the old key")
    assert verified(SECRET, *receiver.came[0])
    assert webhook.sealed
    for text in (repr(kept), caplog.text):
        assert SECRET not in text
        assert "part-of-the-address" not in text


async def test_what_is_missing_or_given_up_is_found_by_number_and_delivered(
    database: Database, settings: Settings
) -> None:
    with outside() as receiver:
        webhook = subscribe(database, settings, receiver.url, events=["story.*"])
        happen(database, "p", *["story.merged", "claim.granted"] * 6, mark="m")
        happen(database, "p", *(f"story.e{letter}" for letter in "abc"), mark="n")
        async with sender(database, settings):
            await until(lambda: len(in_state(database, webhook, "sent")) == 9, "all deliveries")

        def lose(session: Session) -> None:
            session.execute(delete(NotificationRow).where(NotificationRow.number.in_([3, 5, 14])))

        database.write_now(lose)
        happen(database, "p", "story.merged", mark="late")
        [run] = database.read_now(webhook_reconcile.compare, found(database, webhook))
        assert (run.wanted, run.sent, run.missing, run.waiting) == (10, 6, 3, 1)
        assert run.gaps == [(3, 5), (14, 14)]
        assert database.write_now(webhook_reconcile.mend, webhook.id, [run]) == 3
        came = len(receiver.came)
        async with sender(database, settings):
            await until(lambda: len(in_state(database, webhook, "sent")) == 10, "what was missing")
        [run] = database.read_now(webhook_reconcile.compare, found(database, webhook))
    assert (run.sent, run.missing, run.gaps) == (10, 0, [])
    assert sorted(receiver.numbers[came:]) == [3, 5, 14, 16]


async def test_a_run_is_sent_again_from_a_number_also_what_was_before_the_webhook(
    database: Database, settings: Settings
) -> None:
    happen(database, "p", "a", "b", "c")
    with outside() as receiver:
        webhook = subscribe(database, settings, receiver.url)
        happen(database, "p", "d", mark="d")
        async with sender(database, settings):
            await until(lambda: len(in_state(database, webhook, "sent")) == 1, "the first delivery")
            assert database.write_now(webhook_deliveries.redeliver_since, webhook.id, "p", 2) == 1
            await until(lambda: len(in_state(database, webhook, "sent")) == 3, "all since the second")
    assert sorted(receiver.numbers) == [2, 3, 4, 4]


async def test_a_long_backlog_is_written_down_only_as_there_is_room(
    database: Database, settings: Settings
) -> None:
    with outside(503) as receiver:
        webhook = subscribe(database, settings.model_copy(update={}), receiver.url)
        happen(database, "p", *(f"e{number}" for number in range(2000)))
        calm = settings.model_copy(update={"webhook_pause": 3600.0})
        async with sender(database, calm):
            await until(
                lambda: len(in_state(database, webhook, "waiting")) >= webhook_pump.WINDOW, "a full window"
            )
            await until(lambda: found(database, webhook).held_until is not None, "the hold")
        [run] = database.read_now(webhook_reconcile.compare, found(database, webhook))
    assert (run.wanted, run.waiting, run.missing) == (2000, 2000, 0)
    written = len(in_state(database, webhook, "waiting"))
    assert webhook_pump.WINDOW <= written < webhook_pump.WINDOW + webhook_pump.PAGE


def test_what_arrived_long_ago_is_forgotten_but_not_before_what_is_still_to_arrive(
    database: Database, settings: Settings
) -> None:
    webhook = subscribe(database, settings, "https://chat.example/")
    happen(database, "p", *"abcde")
    [behind] = database.read_now(webhook_pump.runs_behind)
    page = database.read_now(webhook_pump.read_page, behind)
    assert database.write_now(webhook_pump.write_down, behind, page) == 5
    assert database.write_now(webhook_pump.write_down, behind, page) == 0, "another process was faster"

    def age(session: Session) -> None:
        old = datetime.now(UTC) - timedelta(days=40)
        sent = update(NotificationRow).where(NotificationRow.number != 4)
        session.execute(sent.values(state="sent", sent_at=old))

    database.write_now(age)
    assert database.write_now(webhook_deliveries.trim_delivered) == 3
    [run] = database.read_now(webhook_reconcile.compare, found(database, webhook))
    assert (run.after, run.wanted, run.sent, run.waiting, run.missing) == (3, 2, 1, 1, 0)
