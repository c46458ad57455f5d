"""A plan of ten thousand stories is read, checked and scheduled; how long it took is printed."""

from __future__ import annotations

import sys
import time
from itertools import pairwise

from paceline.domain.schedule import preview
from paceline.plans.lint import check_plan
from paceline.plans.reader import read_plan

EPICS, STORIES = 100, 100


def large_plan() -> str:
    """Epics of chains: every story waits for the one before it in its epic."""
    lines = ["# Sprint Plan: Large", "## Sprint Backlog"]
    for epic in range(EPICS):
        lines += [f"### Epic {epic}: Part {epic}", "**Priority**: High  ", "**Dependencies**: None", ""]
        for story in range(STORIES):
            before = f"Story {epic}.{story - 1}" if story else "None"
            lines += [
                f"#### Story {epic}.{story}: Piece {story}",
                f"- **Agent**: Builder {epic}",
                f"- **Dependencies**: {before}",
                "- **Tasks**:",
                "  - Build the piece",
                f"- **Checks**: `make piece-{epic}-{story}`",
                f"- **Files**: `src/part_{epic}/piece_{story}.py`",
                "",
            ]
    return "\n".join(lines)


def test_ten_thousand_stories() -> None:
    text = large_plan()
    moments = [time.process_time()]
    plan = read_plan(text)
    moments.append(time.process_time())
    findings = check_plan(plan)
    moments.append(time.process_time())
    found = preview(plan)
    moments.append(time.process_time())
    again = read_plan(plan.to_json())
    moments.append(time.process_time())
    names = ("read", "check", "preview", "JSON there and back")
    spent = (
        f"{name} {after - before:.2f} s"
        for name, (before, after) in zip(names, pairwise(moments), strict=True)
    )
    sys.stdout.write(f"{EPICS * STORIES} stories, processor time: {', '.join(spent)}\n")
    assert len(plan.stories) == EPICS * STORIES
    assert findings == []
    assert [len(wave) for wave in found.waves] == [EPICS] * STORIES
    assert len(found.critical_path) == STORIES
    assert again == plan
