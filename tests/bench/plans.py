"""Large plans: `python -m tests.bench.plans [--stories 1000 10000 50000] [--format FORMAT]`.

Reads, checks and schedules generated plans, each in a process of its own, and prints one JSON object each:
seconds of processor time by step, the most memory in MB, and the time for each story beside that of the
smallest plan. Numbers only; nothing is asserted about time.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

from paceline.domain.forecast import forecast
from paceline.domain.schedule import preview
from paceline.plans.lint import check_plan
from paceline.plans.reader import read_plan

IN_EPIC = 100
TARGET_STORIES, TARGET_SECONDS, TARGET_MB = 10_000, 5.0, 500
"""So many stories are to be read, checked and scheduled within so many seconds and MB."""


def agent_sprint(stories: int) -> str:
    """Epics of stories with tasks, criteria, files and checks: about 500 bytes a story."""
    lines = ["# Sprint Plan: Large", "", "## Sprint Overview", "**Goal**: Everything at once", ""]
    lines += ["## Agent Team Composition", ""]
    for agent in range(20):
        lines += [f"### {agent + 1}. Builder {agent}", f"- **Role**: Builds part {agent}", ""]
    lines += ["## Sprint Backlog", ""]
    for number in range(stories):
        epic, place = divmod(number, IN_EPIC)
        if place == 0:
            lines += [f"### Epic {epic}: Part {epic}", "**Priority**: High  ", "**Dependencies**: None", ""]
        before = f"Story {epic}.{place - 1}" if place % 10 else "None"
        lines += [
            f"#### Story {epic}.{place}: Piece {place} of part {epic}",
            f"- **Agent**: Builder {number % 20}",
            f"- **Points**: {number % 8 + 1}",
            f"- **Dependencies**: {before}",
            "- **Tasks**:",
            "  - Lay the ground for the piece and look at what is there",
            "  - Build the piece",
            "  - Describe it in a sentence that a reader understands",
            "- **Acceptance Criteria**:",
            "  - The piece is there and does what its neighbours need",
            "  - Nothing else has changed",
            f"- **Checks**: `make piece-{epic}-{place}`",
            f"- **Files**: `src/part_{epic}/piece_{place}.py`, `tests/part_{epic}/test_{place}.py`",
            "",
        ]
    return "\n".join(lines)


def table(stories: int) -> str:
    """One table with a row for each story."""
    head = ["# Backlog", "", "| ID | Title | Assignee | Points | Depends on | Status |", "| --- " * 6 + "|"]
    rows = (
        f"| T-{n} | Piece {n} | Builder {n % 20} | {n % 8 + 1} | {f'T-{n - 1}' if n % 10 else ''} | todo |"
        for n in range(stories)
    )
    return "\n".join([*head, *rows, ""])


def bullets(stories: int) -> str:
    """Sprints of bullets."""
    lines = ["# Sprint Plan", ""]
    for number in range(stories):
        sprint, place = divmod(number, IN_EPIC)
        if place == 0:
            lines += [
                "",
                f"## Sprint {sprint + 1} (Weeks {2 * sprint + 1}-{2 * sprint + 2})",
                "",
                "### User Stories",
                "",
            ]
        lines += [
            f"- **US-{sprint}.{place}**: Piece {place} ({number % 8 + 1} points)",
            "  - It is there",
            "  - It works",
        ]
    return "\n".join(lines)


def tasks(stories: int) -> str:
    """A task list in the manner of spec-kit."""
    lines = ["# Tasks: Large", ""]
    for number in range(stories):
        story, place = divmod(number, IN_EPIC)
        if place == 0:
            lines += ["", f"## Phase {story + 3}: User Story {story + 1}", ""]
        path = f"src/part_{story}/piece_{place}.py"
        lines.append(f"- [ ] T{number:05} [P] [US{story + 1}] Build piece {place} in {path}")
    return "\n".join(lines)


def normal_form(stories: int) -> str:
    """The agent sprint plan in JSON."""
    return read_plan(agent_sprint(stories)).to_json()


FORMATS: dict[str, Callable[[int], str]] = {
    "agent-sprint": agent_sprint,
    "table": table,
    "bullets": bullets,
    "tasks": tasks,
    "json": normal_form,
}


def measure(text: str) -> dict[str, float]:
    """Seconds of processor time for each step, in this process."""
    taken: dict[str, float] = {"mb_of_text": len(text.encode()) / 1e6}
    began = time.process_time()
    plan = read_plan(text)
    taken["stories"] = len(plan.stories)
    taken["read_s"] = (now := time.process_time()) - began
    found = check_plan(plan)
    taken["check_s"] = (then := time.process_time()) - now
    taken["findings"] = len(found)
    preview(plan)
    taken["schedule_s"] = (now := time.process_time()) - then
    taken["total_s"] = now - began
    taken["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    forecast(plan, rounds=1)
    taken["one_round_s"] = time.process_time() - now
    return taken


def _in_a_process(name: str, stories: int) -> dict[str, float]:
    """The text is made elsewhere, so that its making is not in the memory that is measured."""
    command = [sys.executable, "-m", "tests.bench.plans", "--measure"]
    text = FORMATS[name](stories)
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    """Measure, and print one JSON object a plan."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stories", type=int, nargs="+", default=[1000, 10_000, 50_000])
    parser.add_argument("--format", choices=FORMATS, action="append")
    parser.add_argument("--measure", action="store_true", help="measure one plan from standard input")
    chosen = parser.parse_args()
    if chosen.measure:
        sys.stdout.write(json.dumps(measure(sys.stdin.buffer.read().decode())))
        return
    for name in chosen.format or FORMATS:
        smallest: float | None = None
        for stories in chosen.stories:
            numbers = _in_a_process(name, stories)
            each = numbers["total_s"] / stories
            smallest = smallest or each
            line = {name: round(value, 3) for name, value in numbers.items()}
            reached = numbers["total_s"] <= TARGET_SECONDS and numbers["peak_mb"] <= TARGET_MB
            target = {"target_reached": reached} if stories == TARGET_STORIES else {}
            whole = {"format": name, **line, "times_smallest": round(each / smallest, 2), **target}
            sys.stdout.write(json.dumps(whole) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
