"""Every workflow keeps its history short: it continues as new, or what it waits with grows rarer."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from datetime import timedelta
from pathlib import Path

from temporalio import workflow

import workflows
from paceline.contracts import HISTORY_LIMIT
from paceline.domain.waiting_rules import LONGEST_PAUSE
from workflows.policies import FIRST_LOOK, FIRST_REASK, LONGEST_LOOK, LONGEST_REASK

ROOT = Path(__file__).resolve().parents[2]
SERVER_LIMIT = 51_200
"""Events at which Temporal ends a workflow."""
WAKING = 12
"""Events of one wake-up at most: a timer and its end, two workflow tasks of three, and an activity."""
LONGEST = timedelta(days=2 * 365)


def kinds() -> dict[str, type]:
    """Every kind of workflow by its name."""
    found: dict[str, type] = {}
    for module in pkgutil.iter_modules(workflows.__path__):
        for _, made in inspect.getmembers(
            importlib.import_module(f"workflows.{module.name}"), inspect.isclass
        ):
            definition = workflow._Definition.from_class(made)  # pyright: ignore[reportPrivateUsage]
            if definition is not None and definition.name is not None:
                found[definition.name] = made
    return found


def told() -> dict[str, str]:
    """What the decision record says of each."""
    page = (ROOT / "docs" / "decisions" / "0019-versions-of-workflows.md").read_text(encoding="utf-8")
    table = page.split("## How a history stays short")[1]
    return dict(re.findall(r"^\| `([a-z]+)` \| (.+) \|$", table, flags=re.MULTILINE))


def continues(kind: type) -> bool:
    """Whether its class, or one that it is made of, continues as new."""
    own = [each for each in kind.__mro__ if each.__module__.startswith("workflows.")]
    return any("continue_as_new(" in inspect.getsource(each) for each in own)


def test_every_kind_of_workflow_says_how_its_history_stays_short() -> None:
    assert set(told()) == set(kinds())


def test_what_is_said_to_continue_as_new_does() -> None:
    said = {name for name, words in told().items() if words.startswith("continues as new")}
    assert said == {name for name, kind in kinds().items() if continues(kind)}
    assert said >= {"project", "sprint", "epic", "story", "clock"}


def wake_ups(first: timedelta, longest: timedelta, doubled: float = 2.0) -> int:
    """How often something wakes up in the longest wait that is promised."""
    waited, pause, count = timedelta(), first, 0
    while waited < LONGEST:
        waited, pause, count = waited + pause, min(pause * doubled, longest), count + 1
    return count


def test_waiting_for_years_stays_far_below_the_servers_limit() -> None:
    waits = {
        "a story in line": wake_ups(FIRST_REASK, LONGEST_REASK),
        "a question beside a run": wake_ups(FIRST_LOOK, LONGEST_LOOK),
        "reminders each second at first": wake_ups(timedelta(seconds=1), timedelta(seconds=LONGEST_PAUSE)),
    }
    assert sum(waits.values()) > 1000
    for what, count in waits.items():
        # A story is at most at its own limit when it begins to wait.
        assert HISTORY_LIMIT + count * WAKING < SERVER_LIMIT, what
