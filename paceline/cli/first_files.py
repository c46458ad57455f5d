"""The texts that `paceline init` writes: a `paceline.toml` and a plan that runs as they are."""

from __future__ import annotations

import json

from paceline.cli.survey import Survey

SIMULATED = "simulated"
TOPIC = "docs/first-sprint.md"
"""The file that the example's stories write."""


def declarations_text(seen: Survey, agent: str) -> str:
    """A `paceline.toml` with its remarks.

    Args:
        seen: the repository.
        agent: name of a preset, `human` or `simulated`.
    """
    return "\n".join([*_agents(seen, agent), "", *_proof(seen), "", *_worktrees(seen), ""])


def _agents(seen: Survey, agent: str) -> list[str]:
    found = f"found on PATH: {', '.join(seen.agents)}" if seen.agents else "none was found on PATH"
    lines = [
        "# Who does the stories of plans in this repository, and what proves them.",
        "# `paceline doctor` reads this file and says what is wrong with it.",
        "",
        '# "*" stands for every agent that a plan names and that has no table of its own, such as',
        "# [agents.Builder].",
        f"# Coding agents with a preset are claude, codex, opencode and aider ({found}).",
        '[agents."*"]',
    ]
    if agent == SIMULATED:
        return [
            *lines,
            "# Nobody works: order, claims and events are real, and no file changes. When you have a coding",
            '# agent, write `preset = "claude"` instead; with `kind = "human"` people work.',
            'kind = "simulated"',
        ]
    if agent == "human":
        return [*lines, "# A person is asked to do each story, and says when it is done.", 'kind = "human"']
    return [
        *lines,
        f'preset = "{agent}"',
        "timeout = 1800     # seconds of one attempt at most",
        "max_attempts = 2   # failed attempts before a person is asked",
    ]


def _proof(seen: Survey) -> list[str]:
    command = seen.test_command or "make test"
    which = f"`{command}` seems to be how this repository is tested" if seen.test_command else "An example"
    return [
        "# Commands that prove every story on the merged result, beside those that its plan names. They run",
        f"# in a fresh checkout. {which}:",
        "# uncomment it where it passes there.",
        "[proof]",
        f"# checks = [{_quoted(command)}]",
    ]


def _worktrees(seen: Survey) -> list[str]:
    written = ", ".join(f"{each.name} ({each.files})" for each in seen.languages) or "nothing known yet"
    command = seen.setup_command or "make setup"
    return [
        "# A command that makes a fresh checkout ready, before agents and checks.",
        f"# Files here: {written}.",
        "[worktrees]",
        f"# setup = {_quoted(command)}",
    ]


def _quoted(text: str) -> str:
    return json.dumps(text)


def plan_text(seen: Survey) -> str:
    """A plan of two small stories that needs nothing of the repository but a commit."""
    tested = f"that it is tested by `{seen.test_command}`" if seen.test_command else "how it is tested"
    return f"""# Sprint Plan: First Sprint of {seen.name}

<!-- Written by `paceline init`. `paceline plan check` says what it thinks of your changes, and
`paceline plan preview` in which order the stories would run. -->

## Sprint Overview
**Duration**: 1 day
**Goal**: {TOPIC} tells a newcomer what this repository is

## Agent Team Composition

### 1. Builder Agent
- **Role**: Writes what the stories ask for

## Sprint Backlog

### Epic 1: A First Page
**Priority**: Medium
**Dependencies**: None

#### Story 1.1: Say what this repository is
- **Agent**: Builder
- **Points**: 1
- **Tasks**:
  - Write {TOPIC}: a heading, and a sentence about what this repository is for
- **Acceptance Criteria**:
  - The page is there
    - Check: `test -s {TOPIC}`
- **Files**: `{TOPIC}`

#### Story 1.2: Say how it is tested
- **Agent**: Builder
- **Points**: 1
- **Dependencies**: Story 1.1
- **Tasks**:
  - Add a section `## Tests` to {TOPIC}: {tested}
- **Acceptance Criteria**:
  - The page has the section
    - Check: `grep -q "## Tests" {TOPIC}`
- **Files**: `{TOPIC}`
"""
