"""Prepared statements fail as SQLAlchemy's do, and a connection that is lost under one is made again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from paceline.domain.claims import ClaimDecision
from paceline.store.claim_statements import change_scope, scope_of_claim
from paceline.store.claims import list_claims, request_claim
from paceline.store.database import Database
from tests.integration.store.samples import request


def test_what_the_database_refuses_is_raised_as_sqlalchemy_does(database: Database) -> None:
    database.write_now(request_claim, request("a", "file:x"))

    def forget(session: Session) -> None:
        connection = session.connection()
        change_scope(connection.dialect.name).run(connection, {"key": "repo", "number": None, "new": 1})

    with pytest.raises(IntegrityError, match="claim_scopes"):
        database.write_now(forget)
    assert database.write_now(request_claim, request("b", "file:y")).state == "granted"


def test_the_first_row_comes_back_or_none(database: Database) -> None:
    database.write_now(request_claim, request("a", "file:x"))

    def scope_of(session: Session, claim: str) -> Sequence[Any] | None:
        connection = session.connection()
        return scope_of_claim(connection.dialect.name).run(connection, {"key": claim})

    found = database.read_now(scope_of, "a")
    assert found is not None
    assert tuple(found) == ("repo",)
    assert database.read_now(scope_of, "nobody") is None


@pytest.mark.postgres
def test_a_connection_that_is_lost_between_two_claims_is_made_again(postgres_url: str) -> None:
    database = Database(postgres_url)
    lost: list[int] = []

    def ask_twice(session: Session) -> tuple[ClaimDecision, ClaimDecision]:
        first = request_claim(session, request("a", "file:x"))
        if not lost:
            lost.append(session.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
            with psycopg.connect(postgres_url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 20000)", lost)
        return first, request_claim(session, request("b", "file:x"))

    try:
        first, second = database.write_now(ask_twice)
        assert lost, "the first try lost its connection"
        assert (first.state, second.state) == ("granted", "waiting")
        assert [each.fence for each in database.read_now(list_claims)] == [first.fence, None]
    finally:
        database.close()
