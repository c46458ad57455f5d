"""The audit log on both databases: one chain, and every way to break it is found and named."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Update, delete, insert, select, update
from sqlalchemy.orm import Session

from paceline.domain.audit import AuditDraft, AuditHead, chained
from paceline.store import audit
from paceline.store.database import Database
from paceline.store.models import AuditHeadRow, AuditRow, table

LOG, HEAD = table(AuditRow), table(AuditHeadRow)


def draft(actor: str = "ada", project: str = "") -> AuditDraft:
    """A request that changed something."""
    return AuditDraft(
        actor=actor,
        role="operator",
        method="POST",
        path="/x",
        project=project,
        request="r",
        status=200,
        body="0",
    )


def fill(session: Session, count: int = 9) -> None:
    """Append some."""
    for number in range(count):
        audit.append_audit(session, draft(f"actor {number}", project="p" if number % 2 else ""))


def at(number: int, values: dict[str, Any]) -> Update:
    """Changes one row."""
    return update(LOG).where(LOG.c.number == number).values(values)


def change(session: Session) -> None:
    session.execute(at(5, {"actor": "eve"}))


def change_moment(session: Session) -> None:
    moment = session.execute(select(LOG.c.at).where(LOG.c.number == 1)).scalar_one()
    session.execute(at(4, {"at": moment}))


def remove(session: Session) -> None:
    session.execute(delete(LOG).where(LOG.c.number == 5))


def remove_first(session: Session) -> None:
    session.execute(delete(LOG).where(LOG.c.number <= 2))


def cut_off(session: Session) -> None:
    session.execute(delete(LOG).where(LOG.c.number > 7))


def replace(session: Session) -> None:
    """As somebody would who knows how the hashes are made."""
    before = session.execute(select(LOG.c.hash).where(LOG.c.number == 4)).scalar_one()
    moment = session.execute(select(LOG.c.at).where(LOG.c.number == 5)).scalar_one()
    session.execute(delete(LOG).where(LOG.c.number == 5))
    session.execute(insert(LOG), chained(draft("eve"), AuditHead(4, before), moment).model_dump())


def insert_at_the_end(session: Session) -> None:
    number, found = session.execute(select(HEAD.c.number, HEAD.c.hash)).one()
    moment = session.execute(select(LOG.c.at).where(LOG.c.number == number)).scalar_one()
    session.execute(insert(LOG), chained(draft("eve"), AuditHead(number, found), moment).model_dump())


def insert_between(session: Session) -> None:
    """Later rows move on by one."""
    for number in range(9, 4, -1):
        session.execute(at(number, {"number": number + 1}))
    row = session.execute(select(LOG).where(LOG.c.number == 4)).mappings().one()
    session.execute(insert(LOG), {**row, "number": 5, "actor": "eve"})


def insert_below(session: Session) -> None:
    row = session.execute(select(LOG).where(LOG.c.number == 1)).mappings().one()
    session.execute(insert(LOG), {**row, "number": 0})


def forget_the_end(session: Session) -> None:
    session.execute(delete(HEAD))


def test_entries_follow_each_other(database: Database) -> None:
    assert database.read_now(audit.verify_audit).model_dump() == {
        "entries": 0, "last": 0, "hash": "0" * 64, "breaks": [],
    }  # fmt: skip
    database.write_now(fill)
    check = database.read_now(audit.verify_audit)
    assert (check.entries, check.last, check.breaks) == (9, 9, [])
    found = database.read_now(audit.audit_after, 7)
    assert [(each.number, each.actor) for each in found] == [(8, "actor 7"), (9, "actor 8")]
    assert found[1].previous == found[0].hash
    assert check.hash == found[1].hash
    assert [each.number for each in database.read_now(audit.newest_audit, 2, "p")] == [6, 8]


@pytest.mark.parametrize(
    ("attack", "number", "kind"),
    [
        (change, 5, "changed"),
        (change_moment, 4, "changed"),
        (remove, 5, "removed"),
        (remove_first, 1, "removed"),
        (cut_off, 8, "removed"),
        (replace, 5, "replaced"),
        (insert_at_the_end, 10, "inserted"),
        (insert_between, 5, "changed"),
        (insert_below, 0, "inserted"),
        (forget_the_end, 9, "removed"),
    ],
)
def test_what_was_done_to_the_log_is_found(
    database: Database, attack: Callable[[Session], None], number: int, kind: str
) -> None:
    database.write_now(fill)
    database.write_now(attack)
    first = database.read_now(audit.verify_audit).breaks[0]
    assert (first.number, first.kind) == (number, kind)
    assert first.message.startswith(f"Entry {number} ")


def test_one_change_is_one_break(database: Database) -> None:
    database.write_now(fill)
    for attack in (change, remove):
        database.write_now(attack)
        assert len(database.read_now(audit.verify_audit).breaks) == 1


def rewrite(session: Session) -> None:
    """The whole log anew, with other words: the chain itself is good after that."""
    count = session.execute(select(HEAD.c.number)).scalar_one()
    session.execute(delete(LOG))
    session.execute(delete(HEAD))
    for number in range(count):
        audit.append_audit(session, draft(f"another {number}"))


def test_a_log_that_was_written_anew_is_found_by_a_hash_kept_elsewhere(database: Database) -> None:
    database.write_now(fill)
    check = database.read_now(audit.verify_audit)
    known = AuditHead(check.last, check.hash)
    database.write_now(fill)
    assert database.read_now(audit.verify_audit, known).breaks == []
    database.write_now(rewrite)
    assert database.read_now(audit.verify_audit).breaks == []
    (found,) = database.read_now(audit.verify_audit, known).breaks
    assert (found.number, found.kind) == (9, "replaced")


async def test_writers_of_two_processes_keep_one_chain_while_it_is_verified(any_database_url: str) -> None:
    databases = [Database(any_database_url) for _ in range(2)]
    try:
        writes = [
            databases[number % 2].write(audit.append_audit, draft(f"writer {number}"))
            for number in range(200)
        ]
        looks = [databases[number % 2].read(audit.verify_audit) for number in range(20)]
        _, checks = await asyncio.gather(asyncio.gather(*writes), asyncio.gather(*looks))
        assert [check.breaks for check in checks] == [[]] * 20
        check = await databases[0].read(audit.verify_audit)
        assert (check.entries, check.last, check.breaks) == (200, 200, [])
    finally:
        for database in databases:
            database.close()


def test_killed_writers_leave_a_whole_chain_with_all_that_they_reported(any_database_url: str) -> None:
    script = Path(__file__).with_name("audit_writer.py")
    reported: dict[str, int] = {}
    for killed in ("first", "second", "third"):
        other = f"beside the {killed}"
        running = {
            name: subprocess.Popen(
                [sys.executable, str(script), any_database_url, name], stdout=subprocess.PIPE, text=True
            )
            for name in (killed, other)
        }
        for name, process in running.items():
            assert process.stdout is not None
            while (line := process.stdout.readline()) and int(line) < 25:
                pass
            process.kill()
            rest = process.stdout.read().split("\n")
            process.wait()
            # What was killed while it wrote may have left half a line.
            reported[name] = max([int(line or 0), *(int(each) for each in rest[:-1])])
            process.stdout.close()
    database = Database(any_database_url)
    try:
        check = database.read_now(audit.verify_audit)
        found = Counter(each.actor for each in database.read_now(audit.audit_after, 0, 100_000))
    finally:
        database.close()
    assert check.breaks == []
    assert check.entries == sum(found.values())
    assert all(count <= found[name] <= count + 1 for name, count in reported.items())


def test_a_transaction_that_is_given_up_leaves_no_entry(database: Database) -> None:
    def fail(session: Session) -> None:
        audit.append_audit(session, draft())
        raise ValueError("given up")

    database.write_now(fill, 2)
    with pytest.raises(ValueError, match="given up"):
        database.write_now(fail)
    database.write_now(fill, 1)
    assert database.read_now(audit.verify_audit).model_dump(include={"entries", "breaks"}) == {
        "entries": 3, "breaks": [],
    }  # fmt: skip
