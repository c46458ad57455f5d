"""Claims driven at random against an oracle, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from paceline.store.database import Database
from tests.integration.store.claim_machine import Claims


def _machine(database: Database) -> type[Claims]:
    return type("ClaimsOn", (Claims,), {"database": database})


def _drive(database: Database, examples: int, steps: int) -> None:
    profile = settings(
        max_examples=examples,
        stateful_step_count=steps,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        print_blob=True,
    )
    run_state_machine_as_test(_machine(database), settings=profile)  # pyright: ignore[reportUnknownMemberType] - untyped in hypothesis


def test_claims_hold_whatever_happens(database: Database) -> None:
    _drive(database, examples=40, steps=25)


@pytest.mark.long
def test_claims_hold_whatever_happens_for_long(database: Database) -> None:
    _drive(database, examples=1_500, steps=60)
