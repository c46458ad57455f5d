"""Other documents of the same family: other headings, ids, labels and missing sections."""

from __future__ import annotations

from textwrap import dedent

import pytest

from paceline.domain.graph import story_edges
from paceline.domain.plan import Plan
from paceline.plans.findings import Code
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.reader import read_plan


def read(text: str) -> Plan:
    return read_plan(dedent(text).strip(), "plan.md")


def codes(plan: Plan) -> set[str]:
    return {found.code for found in check_plan(plan)}


def test_stories_without_epics_get_one_implicit_epic() -> None:
    plan = read("""
        # Small Plan

        ## Story A-7: Count the boats
        - **Agent**: Harbour Agent
        - **Dependencies**: None

        ## Story A-8: Paint the boats
        - **Agents**: Harbour Agent, Painter
        - **Dependencies**: A-7
        """)
    assert [(story.id, story.title) for story in plan.stories] == [
        ("Story A-7", "Count the boats"),
        ("Story A-8", "Paint the boats"),
    ]
    (epic,) = plan.epics
    assert (epic.implicit, epic.stories, epic.line) == (True, ["Story A-7", "Story A-8"], None)
    assert plan.sprints[0].implicit
    assert story_edges(plan) == {"Story A-7": [], "Story A-8": ["Story A-7"]}
    assert plan.stories[1].collaborative
    assert [agent.id for agent in plan.agents] == ["Harbour Agent", "Painter"]


def test_every_label_of_a_story() -> None:
    plan = read("""
        # Plan

        ## 2. Epic 3: Lights
        - **Priority:** P1

        ### US-12: Switch the lights
        - **Agent:** Electrician
        - **Points**: 5
        - **Priority**: High
        - **Description**: One switch for all lamps.
        - **Approval**: required
        - **Tasks**:
          - [x] Draw the wiring
          - [ ] Lay the wires
        - **Acceptance Criteria**:
          - The lamps go on. Check: `make lamps`
          - They go off again
            - Check: `make dark`
        - **Checks**: `pytest -q`, `ruff check .`
        - **Files**:
          - `lamps/switch.py` (new)
          - `lamps/wires.py`
        - **Colour**: red
        """)
    (story,) = plan.stories
    assert (story.id, story.epic, story.points, story.priority) == ("US-12", "Epic 3", 5, "High")
    assert (story.description, story.approval) == ("One switch for all lamps.", True)
    assert [(task.text, task.done) for task in story.tasks] == [
        ("Draw the wiring", True),
        ("Lay the wires", False),
    ]
    assert [(item.text, item.command) for item in story.acceptance_criteria] == [
        ("The lamps go on", "make lamps"),
        ("They go off again", "make dark"),
    ]
    assert story.checks == ["pytest -q", "ruff check ."]
    assert story.proofs() == ["pytest -q", "ruff check .", "make lamps", "make dark"]
    assert [(file.path, file.new) for file in story.files] == [
        ("lamps/switch.py", True),
        ("lamps/wires.py", False),
    ]
    fact = next(fact for fact in plan.facts if fact.name == "Colour")
    assert (fact.section, fact.value, fact.line) == ("US-12", "red", 23)


@pytest.mark.parametrize(
    "story",
    [
        "#### Story 1.1: Sweep\n- **Agent**: Ada\n- **Tasks**:\n  - Sweep the yard",
        "#### Story 1.1 - Sweep\n**Agent**: Ada  \n**Tasks**:\n\n- Sweep the yard",
        "#### 1.1 Sweep\nAgent: Ada\n\nTasks:\n* Sweep the yard",
        "#### STORY 1.1: Sweep\n1. **Agent:** Ada\n2. **Tasks:** Sweep the yard",
        "#### Story 1.1: Sweep\n- **Agent**: Ada\n\n##### Tasks\n- Sweep the yard",
        "#### Story 1.1 \u2014 Sweep\n- **Assignee**: Ada\n- **Tasks**: Sweep the\n  yard",
    ],
)
def test_ways_to_write_the_same_story(story: str) -> None:
    plan = read_plan(f"# Plan\n\n### Epic 1: Yard\n\n{story}\n")
    (found,) = plan.stories
    assert (found.id, found.title, found.epic, found.agents) == ("Story 1.1", "Sweep", "Epic 1", ["Ada"])
    assert [task.text for task in found.tasks] == ["Sweep the yard"]


def test_sequential_phases_add_edges_and_never_against_a_dependency() -> None:
    plan = read("""
        # Plan
        ## Story 1: Alpha
        - **Agent**: Ada
        - **Dependencies**: Story 3
        ## Story 2: Beta
        - **Agent**: Ada
        ## Story 3: Gamma
        - **Agent**: Ada
        ## Phase 1: All of it (Day 1)
        **Sequential Execution**
        1. **Ada**: Story 1
        2. **Ada**: Story 2
        3. **Ada**: Story 3
        """)
    assert story_edges(plan) == {"Story 1": ["Story 3"], "Story 2": [], "Story 3": ["Story 2"]}
    assert plan.phases[0].days == (1, 1)
    assert Code.PHASE_AGAINST_DEPENDENCY in codes(plan)


def test_several_sprints_hold_their_own_stories_and_may_share_an_epic() -> None:
    plan = read("""
        # Plan
        ## Sprint 1: Ground
        **Goal**: Level it
        ### Epic 1: House
        #### Story 1.1: Dig
        - **Agent**: Ada
        ## Sprint 2: Walls (Optional)
        ### Epic 1: House (continued)
        #### Story 1.2: Build
        - **Agent**: Ada
        - **Dependencies**: Story 1.1
        """)
    assert [(s.id, s.name, s.number, s.goal, s.optional) for s in plan.sprints] == [
        ("Sprint 1", "Ground", 1, "Level it", False),
        ("Sprint 2", "Walls (Optional)", 2, None, True),
    ]
    assert [(story.id, story.sprints) for story in plan.stories] == [
        ("Story 1.1", ["Sprint 1"]),
        ("Story 1.2", ["Sprint 2"]),
    ]
    assert [(epic.id, epic.stories) for epic in plan.epics] == [("Epic 1", ["Story 1.1", "Story 1.2"])]
    assert not has_errors(check_plan(plan))


def test_a_dependency_on_a_later_sprint_is_refused() -> None:
    plan = read("""
        # Plan
        ## Sprint 1: Ground
        ### Story 1: Dig
        - **Agent**: Ada
        - **Dependencies**: Story 2
        ## Sprint 2: Walls
        ### Story 2: Build
        - **Agent**: Ada
        """)
    assert Code.SPRINT_ORDER_AGAINST_DEPENDENCY in codes(plan)
    assert has_errors(check_plan(plan))


def test_agents_by_bullets_tables_and_prefixes() -> None:
    team = """
        # Plan
        ## Team
        | Agent | Role | Tools |
        |---|---|---|
        | Head Cook (Coordinator) | Leads | bell, list |
        | Pastry Agent | Bakes | oven |
        ## Story 1: Cake
        - **Agent**: Pastry + Head Cook (Collaborative)
        """
    plan = read(team)
    cook, pastry = plan.agents
    assert (cook.id, cook.coordinator, cook.tools) == ("Head Cook", True, ["bell", "list"])
    assert (pastry.id, pastry.title, pastry.aliases, pastry.role) == (
        "Pastry",
        "Pastry Agent",
        ["Pastry Agent"],
        "Bakes",
    )
    assert plan.stories[0].agents == ["Pastry", "Head Cook"]
    assert plan.stories[0].collaborative
    bullets = read("""
        # Plan
        ## Agents
        - **Pastry Agent**: Bakes
        - **Wine Agent**: Pours
        ## Story 1: Cake
        - **Agent**: Pastry Agent
        """)
    assert [(agent.id, agent.role) for agent in bullets.agents] == [
        ("Pastry Agent", "Bakes"),
        ("Wine Agent", "Pours"),
    ]


def test_fences_comments_and_tables_are_no_structure() -> None:
    plan = read("""
        # Plan
        <!-- ## Story 9: Hidden -->
        ## Story 1: Cake
        - **Agent**: Ada

        ```sh
        # Story 2: not a story
        ## Epic 7: not an epic
        ```

        ## Notes
        | Day | Weather |
        |---|---|
        | 1 | `rain` |

            # Story 3: indented
        """)
    assert [story.id for story in plan.stories] == ["Story 1"]
    assert [epic.implicit for epic in plan.epics] == [True]
    notes = next(fact for fact in plan.facts if fact.section == "Notes")
    assert notes.value["tables"] == [[{"Day": "1", "Weather": "`rain`", "line": 14}]]
    assert any(fact.name == "sh" for fact in plan.facts)


def test_globs_are_not_bold_and_paths_may_be_bare() -> None:
    plan = read("""
        # Plan
        ## Story 1: Cake
        - **Agent**: Ada
        - **Files**: src/**, lib/**, `docs/`, tests/*.py, setup.cfg (new), the usual places
        """)
    story = plan.stories[0]
    assert [(file.path, file.new) for file in story.files] == [
        ("src/**", False),
        ("lib/**", False),
        ("docs/**", False),
        ("tests/*.py", False),
        ("setup.cfg", True),
    ]
    assert story.files_as_written == "src/**, lib/**, `docs/`, tests/*.py, setup.cfg (new), the usual places"


def test_points_that_disagree_are_both_kept() -> None:
    plan = read("""
        # Plan
        ## Sprint Overview
        **Total Points**: 9
        ### Epic 1: Cake
        **Points**: 8
        #### Story 1.1: Dough
        - **Agent**: Ada
        - **Points**: 3 points
        #### Story 1.2: Oven
        - **Agent**: Ada
        - **Points**: 3
        #### Story 1.3: Icing
        - **Agent**: Ada
        - **Points**: some
        """)
    assert [story.points for story in plan.stories] == [3, 3, None]
    assert (plan.epics[0].points, plan.sprints[0].points_stated) == (8, 9)
    assert {Code.POINTS_DIFFER, Code.POINTS_NOT_A_NUMBER} <= codes(plan)


def test_done_marks() -> None:
    plan = read("""
        # Plan
        ## \u2705 Story 1: Cake
        - **Agent**: Ada
        ## Story 2: Wine
        - **Agent**: Ada
        - **Status**: Done
        ## Story 3: Song
        - **Agent**: Ada
        """)
    assert [(story.title, story.done) for story in plan.stories] == [
        ("Cake", True),
        ("Wine", True),
        ("Song", None),
    ]


def test_checklists_and_a_team_of_another_size() -> None:
    plan = read("""
        # Plan
        ## Sprint Overview
        **Team**: 4 agents
        **Project**: Bakery
        **Weather**: fine
        ## Agent Team
        ### Ada
        - **Role**: Bakes
        ## Story 1: Cake
        - **Agent**: Ada
        ## Definition of Done
        ### Code
        - [x] Reviewed
        - [ ] Tested. Check: `make test`
        ## Definition of Ready
        - Flour bought
        ## Deliverables
        - [ ] One cake
        """)
    assert plan.project == "Bakery"
    assert [(item.text, item.done, item.command) for item in plan.definition_of_done or []] == [
        ("Reviewed", True, None),
        ("Tested", False, "make test"),
    ]
    assert [item.text for item in plan.definition_of_ready or []] == ["Flour bought"]
    assert [item.done for item in plan.deliverables or []] == [False]
    assert ("Weather", "fine", 5) in [(fact.name, fact.value, fact.line) for fact in plan.facts]
    assert Code.TEAM_SIZE_DIFFERS in codes(plan)


@pytest.mark.parametrize(
    "name", ["autolynx-sprints", "epic-001-assignment", "nova-torch-sprint", "bmad-sprint-3-summary"]
)
def test_other_formats_are_not_taken_for_this_one(name: str) -> None:
    from paceline.plans.agent_sprint import AgentSprintReader
    from paceline.plans.document import Document
    from paceline.plans.evidence import ENOUGH
    from tests.shared_plans import plan_text

    assert AgentSprintReader().evidence(Document(plan_text(name))).score < ENOUGH


def test_words_in_a_heading_do_not_make_a_story_something_else() -> None:
    plan = read("""
        # Team Plan for Agents
        ## Epic 1: Risk metrics
        ### Story 1.1: Team roster and deliverables (5 points)
        - **Agent**: Ada
        ### US-2: Shared resources list
        - **Agent**: Ada
        ### Story map
        Where things are.
        """)
    assert [(story.id, story.title, story.points) for story in plan.stories] == [
        ("Story 1.1", "Team roster and deliverables", 5),
        ("US-2", "Shared resources list", None),
    ]
    assert [epic.title for epic in plan.epics] == ["Risk metrics"]
    assert [fact.name for fact in plan.facts] == ["Story map"]


def test_a_story_over_two_sprints_runs_in_the_first_and_cannot_wait_for_one_of_the_second() -> None:
    plan = read("""
        # Plan
        ## Sprint 1: Ground
        ### Story 1: Dig
        - **Agent**: Ada
        - **Dependencies**: Story 2
        ## Sprint 2: Walls
        ### Story 2: Build
        - **Agent**: Ada
        """)
    plan.stories[0].sprints = [sprint.id for sprint in plan.sprints]
    assert Code.SPRINT_ORDER_AGAINST_DEPENDENCY in {each.code for each in check_plan(plan)}
