"""The merge line in the database: places in the order of arrival, kept for those who try again."""

from __future__ import annotations

from paceline.store import claims, merge_line
from paceline.store.database import Database
from paceline.store.merge_line import Joined
from tests.integration.store.samples import request

STEP = {"story": "s", "project": "p", "attempt": 1, "fence": 1}


async def join(database: Database, claim: str, landing: str = "1", holder: str = "h") -> Joined:
    """A story joins the line."""
    return await database.write(merge_line.join_line, "line", claim, landing, STEP, holder)


async def order(database: Database) -> list[str]:
    """Who waits, in order."""
    return [each.place.claim for each in await database.read(merge_line.waiting_in, "line")]


async def test_places_are_given_in_the_order_of_arrival(database: Database) -> None:
    for claim in ("c", "a", "b"):
        assert (await join(database, claim)).fresh
    assert await order(database) == ["c", "a", "b"]
    other = await database.write(merge_line.join_line, "other", "z", "1", STEP, "h")
    assert (other.mine.place.number, other.fresh) == (1, True)
    assert await order(database) == ["c", "a", "b"]


async def test_a_repeat_keeps_its_place_and_another_landing_takes_a_new_one(database: Database) -> None:
    for claim in ("a", "b"):
        await join(database, claim)
    again = await join(database, "a", holder="elsewhere")
    assert (again.fresh, again.mine.place.number, again.mine.place.holder) == (False, 1, "elsewhere")
    assert await order(database) == ["a", "b"]
    await join(database, "a", landing="2")
    assert await order(database) == ["b", "a"]


async def test_only_its_holder_leaves_a_place_and_anybody_takes_an_empty_one(database: Database) -> None:
    await join(database, "a", holder="one")
    await database.write(merge_line.leave_line, "line", "a", "another")
    (kept,) = await database.read(merge_line.waiting_in, "line")
    assert kept.place.holder == "one"
    await database.write(merge_line.hold_place, "line", "a", "another")
    (kept,) = await database.read(merge_line.waiting_in, "line")
    assert kept.place.holder == "one"
    await database.write(merge_line.leave_line, "line", "a", "one")
    await database.write(merge_line.hold_place, "line", "a", "another")
    (kept,) = await database.read(merge_line.waiting_in, "line")
    assert kept.place.holder == "another"


async def test_an_end_is_written_once_and_found_by_the_same_landing_only(database: Database) -> None:
    await join(database, "a")
    assert not await database.write(merge_line.end_place, "line", "a", "0", {"n": 0})
    assert await database.write(merge_line.end_place, "line", "a", "1", {"n": 1})
    assert not await database.write(merge_line.end_place, "line", "a", "1", {"n": 2})
    assert (await join(database, "a")).mine.report == {"n": 1}
    assert await order(database) == []
    assert (await join(database, "a", landing="2")).mine.report is None


async def test_beats_rise_for_those_who_are_alive(database: Database) -> None:
    await join(database, "a", holder="x")
    await join(database, "b", holder="y")
    for _ in range(2):
        await database.write(merge_line.beat, "line", ["x"])
    beats = {each.place.claim: each.place.beat for each in await database.read(merge_line.waiting_in, "line")}
    assert beats == {"a": 2, "b": 0}


async def test_stories_that_ended_are_forgotten_when_somebody_joins(database: Database) -> None:
    await database.write(claims.request_claim, request("a", "file:a"))
    await join(database, "a")
    await database.write(claims.release_claim, "a")
    assert await order(database) == ["a"]
    await join(database, "b")
    assert await order(database) == ["b"]


async def test_the_head_is_what_was_noted_last_and_a_beginning_changes_nothing(database: Database) -> None:
    assert await database.read(merge_line.head_of, "line") is None
    await database.write(merge_line.begin_head, "line", "1")
    await database.write(merge_line.note_head, "line", "2")
    await database.write(merge_line.begin_head, "line", "3")
    assert await database.read(merge_line.head_of, "line") == "2"
