"""Fifty processes for one file: one holder at any instant, every one served, in the order of asking."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from paceline.store.claim_decisions import decisions_of
from paceline.store.claims import list_claims
from paceline.store.database import Database
from tests.databases import *  # noqa: F403 - fixtures are found by their names

ROOT = Path(__file__).resolve().parents[2]
PROCESSES, DYING = 50, 5
PATIENCE_SECONDS = 120


def test_fifty_processes_take_turns_in_the_order_of_asking(any_database_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.faults.contenders"]
    arguments = [any_database_url, str(tmp_path), str(PROCESSES), str(DYING)]
    done = subprocess.run(
        [*command, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    served = _check_log((tmp_path / "log").read_text().splitlines())
    database = Database(any_database_url)
    records = database.read_now(list_claims, "repo", ["released"])
    live = database.read_now(list_claims, "repo")
    decisions = database.read_now(decisions_of, "p")
    database.close()
    assert live == []
    # All weigh the same, so the place in the order of asking is the place in the order of holding.
    asked = [record.claim for record in sorted(records, key=lambda record: record.sequence)]
    assert served == asked
    swept = {each.claim for each in decisions if each.kind == "swept"}
    assert swept == {f"contender-{number:02}" for number in range(DYING)}
    assert sum(each.kind == "granted" for each in decisions) == PROCESSES


def _check_log(lines: list[str]) -> list[str]:
    """The holders in their order; between a grant and its end there is no other, except after a death."""
    holding: str | None = None
    served: list[str] = []
    fences: list[int] = []
    for line in lines:
        what, name, fence = line.split()
        assert what != "met", f"{name} found the marker of another holder"
        if what == "granted":
            assert holding is None or int(holding.rpartition("-")[2]) < DYING, (holding, name)
            holding = name
            served.append(name)
            fences.append(int(fence))
        else:
            assert holding == name
            holding = None
    assert len(served) == len(set(served)) == PROCESSES
    assert fences == sorted(set(fences))
    return served
