"""Whatever is repeated, the readers of task lists, tables and reports take linear time."""

from __future__ import annotations

from contextlib import suppress

import pytest

from paceline.errors import PlanUnreadable
from paceline.plans.lint import check_plan
from paceline.plans.reader import read_plan

FRAMES = [
    "# Tasks\n- [ ] T001 [P] {}\n- [ ] T002 y\n",
    "# Tasks\n- [ ] 1. {}\n  - _Requirements: {}_\n",
    "# List\n- [ ] {}\n- [ ] (depends on #1{}\n",
    "# Sprint 1 Report\n**Completed Tasks**:\n- \u2705 **A** ({}\n  - some types ({}\n  - `/api/v1/{}`\n",
    "| ID | Story | Points |\n| - | - | - |\n| {} | {} | {} |\n",
    "<table><tr><td>Story</td><td>Points</td></tr><tr><td>{}</td></tr></table>\n",
    "schema_version: {}\n",
    '{{"tasks": [{{"id": 1, "title": "{}"}}]}}',
    "---\nid: a\ntitle: x{}\nstatus: y\n---\n{}\n",
    "{}",
]


@pytest.mark.parametrize(
    "run", [" ", ",", "-", "(", "[", "a-", "a/", "*", "<", "\u00e9", "1.", "\n", "--- ", "<br>"]
)
def test_long_runs_of_anything_are_read_in_linear_time(run: str) -> None:
    # With quadratic time one of these would take minutes.
    for frame in FRAMES:
        with suppress(PlanUnreadable):
            check_plan(read_plan(frame.replace("{}", run * 20_000).replace("{{", "{").replace("}}", "}")))
