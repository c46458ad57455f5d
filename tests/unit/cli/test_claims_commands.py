"""Tables of claims and decisions, and a wish of nobody."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console
from rich.table import Table

from paceline.cli import claims_commands
from paceline.domain.claims import DecisionRecord, LiveClaim, Need
from paceline.errors import Refused

AT = datetime(2026, 11, 21, 9, tzinfo=UTC)


def shown(table: Table) -> str:
    """The table as a wide terminal shows it."""
    out = StringIO()
    Console(file=out, width=250).print(table)
    return out.getvalue()


def test_a_claim_says_what_it_holds_and_for_whom_it_waits() -> None:
    claim = LiveClaim(
        story="Story 1\x1b[2J",
        holder="p/s/e/1",
        state="waiting",
        held=["file:a.txt"],
        wanted=["file:b.txt"],
        waits_for=["file:b.txt held by p/s/e/2"],
        position=1,
        requested_at=AT,
    )
    text = shown(claims_commands.claims_table([claim]))
    assert "file:a.txt" in text
    assert "file:b.txt held by p/s/e/2" in text
    assert "\x1b" not in text


def test_a_decision_says_why_and_who_other_than_the_holder() -> None:
    made = DecisionRecord(
        number=7,
        scope="s",
        project="p",
        story="Story 1",
        claim="c",
        holder="c",
        kind="swept",
        needs=[Need(resource="file:a.txt")],
        reason="its workflow does not run any more",
        actor="sweep",
        at=AT,
    )
    text = shown(claims_commands.decisions_table([made]))
    assert all(word in text for word in ("swept", "file:a.txt", "its workflow does not run any more"))
    assert text.rstrip().endswith("sweep")


def test_who_is_no_agent_cannot_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PACELINE_CLAIM_URL", raising=False)
    with pytest.raises(Refused, match="for an agent"):
        claims_commands.claim(["a.txt"])
