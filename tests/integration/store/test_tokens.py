"""Tokens on both databases: found by their secret only, for as long as they are good."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from paceline.domain.access import Role
from paceline.domain.status import Run, RunOptions
from paceline.errors import Conflict, NotFound, Refused
from paceline.store import runs, tokens
from paceline.store.database import Database
from paceline.store.models import ApiTokenRow, table

HOUR = timedelta(hours=1)


def make(database: Database, name: str = "ada", **more: object) -> tokens.Made:
    """A token of an operator."""
    return database.write_now(tokens.create_token, name, Role.OPERATOR, "kim", **more)  # pyright: ignore[reportArgumentType]


def age(session: Session, column: str) -> None:
    """Let a moment of every token be over."""
    session.execute(update(ApiTokenRow).values({column: datetime.now(UTC) - HOUR}))


def test_a_secret_opens_its_token_and_is_kept_nowhere(database: Database) -> None:
    made = make(database)
    found = database.read_now(tokens.find_token, made.secret)
    assert found is not None
    assert (found.token.name, found.token.role, found.token.made_by) == ("ada", Role.OPERATOR, "kim")
    assert made.secret.startswith(found.token.prefix + "_")
    kept = database.read_now(lambda session: session.execute(select(table(ApiTokenRow))).all())
    secret = made.secret.removeprefix(found.token.prefix + "_")
    assert len(secret) == 43
    assert secret not in repr(kept)


def other_end(secret: str) -> str:
    """The same secret with another last letter."""
    return secret[:-1] + ("A" if secret[-1] != "A" else "B")


def longer(secret: str) -> str:
    """The same secret with a letter more."""
    return f"{secret}x"


@pytest.mark.parametrize("spoil", [other_end, longer, str.upper])
def test_another_secret_opens_nothing(database: Database, spoil: Callable[[str], str]) -> None:
    made = make(database)
    assert database.read_now(tokens.find_token, spoil(made.secret)) is None
    assert database.read_now(tokens.find_token, "") is None


def test_a_revoked_token_opens_nothing_and_stays_in_the_list(database: Database) -> None:
    made = make(database)
    first = database.write_now(tokens.revoke_token, "ada")
    assert database.write_now(tokens.revoke_token, made.token.prefix) == first
    assert database.read_now(tokens.find_token, made.secret) is None
    assert [each.revoked_at for each in database.read_now(tokens.list_tokens)] == [first.revoked_at]
    with pytest.raises(Conflict):
        database.write_now(tokens.rotate_token, made.token.id)
    with pytest.raises(NotFound):
        database.write_now(tokens.revoke_token, "nobody")


def test_an_expired_token_opens_nothing(database: Database) -> None:
    made = make(database, lifetime=HOUR)
    held = database.read_now(tokens.find_token, made.secret)
    assert held is not None
    assert held.until == made.token.expires_at
    database.write_now(age, "expires_at")
    assert database.read_now(tokens.find_token, made.secret) is None


def test_after_a_rotation_both_secrets_are_good_for_a_while(database: Database) -> None:
    first = make(database)
    second = database.write_now(tokens.rotate_token, "ada", HOUR)
    old, new = (database.read_now(tokens.find_token, made.secret) for made in (first, second))
    assert old is not None
    assert new is not None
    assert old.token.id == new.token.id == first.token.id
    assert (old.until, new.until) == (second.token.previous_until, None)
    database.write_now(age, "previous_until")
    assert database.read_now(tokens.find_token, first.secret) is None
    assert database.read_now(tokens.find_token, second.secret) is not None


def test_a_second_rotation_ends_the_first_secret(database: Database) -> None:
    first = make(database)
    second = database.write_now(tokens.rotate_token, "ada", HOUR)
    database.write_now(tokens.rotate_token, "ada", timedelta(0))
    for made in (first, second):
        assert database.read_now(tokens.find_token, made.secret) is None


def test_no_two_tokens_in_force_have_one_name(database: Database) -> None:
    make(database)
    with pytest.raises(Conflict):
        make(database, "Ada")
    database.write_now(tokens.revoke_token, "ada")
    again = make(database, "Ada")
    assert database.read_now(tokens.find_token, again.secret) is not None


@pytest.mark.parametrize("name", ["", " ada", "ada (for bob)", "unknown", "Paceline", "x" * 61, "a\nb"])
def test_what_is_no_name_is_refused(database: Database, name: str) -> None:
    with pytest.raises(Refused):
        make(database, name)
    assert database.read_now(tokens.list_tokens) == []


def test_an_agents_token_is_not_made_by_hand(database: Database) -> None:
    with pytest.raises(Refused, match="each attempt"):
        database.write_now(tokens.create_token, "bot", Role.AGENT, "kim")


def test_projects_are_kept_by_the_id_that_all_their_runs_share(database: Database) -> None:
    run = Run(
        id="beans-run-2", run_number=2, title="Beans", plan_digest="", repository=None, base_commit=None,
        options=RunOptions(), started_at=datetime.now(UTC),
    )  # fmt: skip
    database.write_now(runs.create_run, run)
    made = make(database, projects=["beans-run-2", "Peas and Co", "beans"])
    assert made.token.projects == ["beans", "peas-and-co"]


def test_the_last_use_is_kept(database: Database) -> None:
    made = make(database)
    database.write_now(tokens.note_used, made.token.id)
    assert database.read_now(tokens.list_tokens)[0].last_used_at is not None
