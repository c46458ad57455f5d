"""Every finding: its code, its place, its sentence and its remedy."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest

from paceline.domain.plan import File, Finding, Plan
from paceline.plans.findings import ERRORS, Code
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.lint_files import unsafe
from paceline.plans.reader import read_plan

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "findings.md"

HEAD = """\
# Plan
## Agent Team
### 1. Bake Agent
- **Role**: Bakes
### 2. Pour Agent
- **Role**: Pours
## Backlog
"""
"""Seven lines."""


def read(body: str) -> Plan:
    return read_plan(HEAD + dedent(body).strip(), "plan.md")


def found(plan: Plan, code: Code) -> list[Finding]:
    return [each for each in check_plan(plan) if each.code == code]


def one(plan: Plan, code: Code) -> Finding:
    findings = found(plan, code)
    assert len(findings) == 1, check_plan(plan)
    assert findings[0].file == "plan.md"
    assert findings[0].severity == ("error" if code in ERRORS else "warning")
    return findings[0]


GOOD = """
    ### Story 1: Cake
    - **Agent**: Bake Agent
    - **Files**: `cake.py`
    - **Checks**: `make cake`
    ### Story 2: Wine
    - **Agent**: Pour Agent
    - **Dependencies**: Story 1
    - **Files**: `wine.py`
    - **Acceptance Criteria**:
      - It is red
    """


def test_a_good_plan_has_no_findings() -> None:
    assert check_plan(read(GOOD)) == []


def test_no_stories() -> None:
    finding = one(read("### Epic 1: Party"), Code.NO_STORIES)
    assert (finding.line, "#### Story 1.1" in (finding.remedy or "")) == (8, True)


def test_an_unknown_agent_is_refused_with_the_nearest_name() -> None:
    plan = read(GOOD.replace("**Agent**: Pour Agent", "**Agent**: Pore Agent"))
    finding = one(plan, Code.UNKNOWN_AGENT)
    assert finding.message == "`Story 2` names the agent `Pore Agent`, who is not in the team."
    assert finding.remedy == "Write `Pour Agent`, or add `Pore Agent` to the team."
    assert finding.line == 13
    assert has_errors(check_plan(plan))


def test_an_ambiguous_agent_is_refused_with_both_names() -> None:
    text = HEAD.replace("Bake Agent", "Pour Wine Agent") + "### Story 1: Cake\n- **Agent**: Pour\n"
    plan = read_plan(text.replace("2. Pour Agent", "2. Pour Beer Agent"), "plan.md")
    finding = one(plan, Code.AMBIGUOUS_AGENT)
    assert finding.remedy == "Write `Pour Wine Agent` or `Pour Beer Agent`."
    assert found(plan, Code.UNKNOWN_AGENT) == []


@pytest.mark.parametrize(
    ("written", "remedy"),
    [
        ("Story 11", "Write `Story 1`, or add a story with that id, or delete the dependency."),
        ("the weather", "Add a story with that id, or delete the dependency."),
    ],
)
def test_an_unknown_dependency_is_refused_with_the_nearest_id(written: str, remedy: str) -> None:
    plan = read(GOOD.replace("Story 1\n    - **Files**: `wine", f"{written}\n    - **Files**: `wine"))
    finding = one(plan, Code.UNKNOWN_DEPENDENCY)
    assert finding.message == f"`Story 2` depends on `{written}`, which is not in the plan."
    assert (finding.remedy, finding.line) == (remedy, 14)


def test_a_resolved_dependency_that_is_gone_is_unknown_too() -> None:
    plan = read(GOOD)
    plan.stories[1].dependencies[0].resolved = ["Story 9"]
    assert "`Story 9`" in one(plan, Code.UNKNOWN_DEPENDENCY).message


@pytest.mark.parametrize("other", ["Story 1", "story 1", "STORY-1"])
def test_ids_that_cannot_be_told_apart_are_duplicates(other: str) -> None:
    plan = read(GOOD)
    plan.stories[1].id = other
    plan.stories[1].dependencies.clear()
    finding = one(plan, Code.DUPLICATE_ID)
    assert finding.message.startswith(f"The story id `{other}` ")
    assert finding.message.endswith("first in line 8.")
    assert finding.line == 12


def test_duplicates_of_the_document() -> None:
    plan = read(GOOD.replace("Story 2: Wine", "Story 1: Wine").replace("Dependencies**: Story 1", "X**: y"))
    assert one(plan, Code.DUPLICATE_ID).message == "The story id `Story 1` is used twice, first in line 8."


def test_a_cycle_is_refused_with_its_whole_path() -> None:
    plan = read(GOOD.replace("`cake.py`", "`cake.py`\n    - **Dependencies**: Story 2"))
    finding = one(plan, Code.DEPENDENCY_CYCLE)
    assert (
        finding.message == "The dependencies are circular: `Story 1` waits for `Story 2` waits for `Story 1`."
    )
    assert finding.line == 11


def test_a_cycle_through_epics_is_found() -> None:
    plan = read("""
        ### Epic 1: Food
        **Dependencies**: Epic 2
        #### Story 1.1: Cake
        - **Agent**: Bake Agent
        ### Epic 2: Drink
        **Dependencies**: Epic 1
        #### Story 2.1: Wine
        - **Agent**: Pour Agent
        """)
    assert (
        "`Story 1.1` waits for `Story 2.1` waits for `Story 1.1`" in one(plan, Code.DEPENDENCY_CYCLE).message
    )


def test_a_story_that_waits_for_itself_is_refused_once() -> None:
    plan = read(GOOD.replace("Dependencies**: Story 1", "Dependencies**: Story 2"))
    assert (one(plan, Code.SELF_DEPENDENCY).line, found(plan, Code.DEPENDENCY_CYCLE)) == (14, [])


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd", "../up.py", "a/../../b", ".git/config", "sub/.GIT/hooks", ".git. /x", "git~1/config",
        "a\\b", "C:/x", "~/x", "a\0b", " ",
    ],
)  # fmt: skip
def test_unsafe_paths_are_refused(path: str) -> None:
    plan = read(GOOD)
    plan.stories[0].files = [File(path=path)]
    finding = one(plan, Code.UNSAFE_PATH)
    assert finding.line == 10
    assert "\0" not in finding.message
    assert "relative to the repository's root" in (finding.remedy or "")


@pytest.mark.parametrize(
    "path", ["src/app.py", ".github/x.yml", ".gitignore", "a..b", "...", "git/x", "[id].tsx", "**"]
)
def test_other_paths_are_fine(path: str) -> None:
    assert unsafe(path) is None


def test_unsafe_resources_are_refused() -> None:
    shared = "## Shared Resources\n- `/etc/hosts` - all\n"
    owned = "## Agent-Specific Resources\n- **Bake**: `../x`\n"
    plan = read(dedent(GOOD) + shared + owned)
    assert [each.line for each in found(plan, Code.UNSAFE_PATH)] == [19, 21]


def test_stories_without_proof_files_or_agent() -> None:
    plan = read("### Story 1: Cake\n- **Tasks**: Bake it")
    for code in (Code.STORY_WITHOUT_PROOF, Code.STORY_WITHOUT_FILES, Code.STORY_WITHOUT_AGENT):
        assert one(plan, code).line == 8
    assert not has_errors(check_plan(plan))


def test_done_stories_need_nothing() -> None:
    assert check_plan(read("### Story 1: Cake\n- **Status**: done")) == []


def test_an_epic_without_stories() -> None:
    assert one(read("### Epic 9: Later\n" + dedent(GOOD)), Code.EPIC_WITHOUT_STORIES).line == 8


PHASES = """
## Phase 1: First
**Parallel Execution**
- **Pour Agent**: Story 2
## Phase 2: Then
**Sequential Execution**
- **Bake Agent**: Story 1
"""


def test_a_phase_before_what_it_waits_for() -> None:
    plan = read_plan(HEAD + dedent(GOOD).strip() + PHASES, "plan.md")
    finding = one(plan, Code.PHASE_AGAINST_DEPENDENCY)
    assert (finding.line, "`Story 1` of a later phase" in finding.message) == (12, True)


def test_a_sequence_before_what_it_waits_for() -> None:
    phases = "\n## Phase 1: All\n**Sequential Execution**\n1. **Pour**: Story 2\n2. **Bake**: Story 1\n"
    plan = read_plan(HEAD + dedent(GOOD).strip() + phases, "plan.md")
    assert "before `Story 1`, for which it waits" in one(plan, Code.PHASE_AGAINST_DEPENDENCY).message


def test_a_story_in_no_phase_and_a_step_of_a_stranger() -> None:
    phases = "\n## Phase 1: All\n- **Bake Agent**: Story 1\n- **Ghost**: Haunt the kitchen\n"
    plan = read_plan(HEAD + dedent(GOOD).strip() + phases, "plan.md")
    assert one(plan, Code.STORY_IN_NO_PHASE).line == 12
    assert one(plan, Code.PHASE_NAMES_NO_AGENT).line == 20
    assert one(plan, Code.PHASE_STEP_WITHOUT_STORY).line == 20


def test_files_shared_in_one_wave() -> None:
    body = dedent(GOOD).replace("- **Dependencies**: Story 1\n", "").replace("wine.py", "cake.py")
    finding = one(read(body), Code.FILES_SHARED_IN_WAVE)
    assert "could run at the same time (wave 1), and all change `cake.py`" in finding.message
    assert found(read(dedent(GOOD).replace("wine.py", "cake.py")), Code.FILES_SHARED_IN_WAVE) == []


def test_ownership_crossed_by_a_path_and_by_a_glob() -> None:
    owned = "## Agent-Specific Resources\n- **Bake**: `wine.py`\n- **Pour**: everything in `tests/`\n"
    body = dedent(GOOD).replace("`cake.py`", "`tests/test_cake.py`") + owned
    crossed = found(read(body), Code.OWNERSHIP_CROSSED)
    assert [(each.line, "belongs to" in each.message) for each in crossed] == [(10, True), (15, True)]


def test_errors_come_first_then_lines() -> None:
    findings = check_plan(
        read(GOOD.replace("**Agent**: Pour Agent", "**Agent**: Nobody").replace("`cake.py`", ""))
    )
    keys = [(each.severity != "error", each.line or 0) for each in findings]
    assert keys == sorted(keys)
    assert len(findings) > 1


def test_every_code_is_documented_with_its_severity() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (error|warning) \|", REFERENCE.read_text(), re.MULTILINE)
    assert dict(rows) == {code.value: "error" if code in ERRORS else "warning" for code in Code}
    assert len(rows) == len(Code)
