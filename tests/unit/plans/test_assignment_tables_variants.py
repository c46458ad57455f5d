"""Sprint assignment tables as other people write them."""

from __future__ import annotations

from textwrap import dedent

import pytest

from paceline.domain.plan import Plan, Story
from paceline.errors import PlanUnreadable
from paceline.plans.findings import Code
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.reader import read_plan

HEAD = "# Plan\n## Sprint 1: Dough\n"


def read(body: str) -> Plan:
    return read_plan(dedent(body).strip(), "plan.md")


def table(*rows: str, header: str = "Story | Assignee | Points") -> str:
    columns = header.count("|") + 1
    return "\n".join([f"| {header} |", "|---" * columns + "|", *(f"| {row} |" for row in rows), ""])


def codes(plan: Plan) -> list[str]:
    return [found.code for found in check_plan(plan)]


def story(plan: Plan, identity: str) -> Story:
    return next(each for each in plan.stories if each.id == identity)


@pytest.mark.parametrize(
    ("cell", "identity", "title"),
    [
        ("STORY-001: Cake", "STORY-001", "Cake"),
        ("`US-1.2` Cake", "US-1.2", "Cake"),
        ("**APP-12** - Cake (iced)", "APP-12", "Cake (iced)"),
        ("Story 1.1: Cake", "Story 1.1", "Cake"),
        ("1.2. Cake", "1.2", "Cake"),
        ("[STORY-7](stories/7.md): Cake", "STORY-7", "Cake"),
        ("#12 Cake", "#12", "Cake"),
        ("STORY-3", "STORY-3", "STORY-3"),
    ],
)
def test_ids_in_a_cell(cell: str, identity: str, title: str) -> None:
    plan = read_plan(HEAD + table(f"{cell} | Ada | 3"))
    assert [(each.id, each.title, each.kind) for each in plan.stories] == [(identity, title, "story")]


def test_columns_in_any_order_and_words_and_a_total_at_the_end() -> None:
    plan = read_plan(
        HEAD
        + table(
            "1 | High | US-1 | Cake | 5 pts | Ada | Done | - | 9-12",
            "2 | Low | US-2 | Icing | ~3 | @bob | open | US-1 | ",
            "Total | | | | 8 | | | | ",
            header="Nr | Prio | Story ID | Title | SP | Owner | Status | Depends on | Hours",
        )
    )
    cake, icing = plan.stories
    assert (cake.title, cake.points, cake.agents, cake.priority, cake.done) == (
        "Cake",
        5,
        ["Ada"],
        "High",
        True,
    )
    assert (icing.title, icing.points, icing.agents, icing.done) == ("Icing", 3, ["bob"], False)
    assert [each.resolved for each in icing.dependencies] == [["US-1"]]
    assert icing.dependencies_as_written == "US-1"
    assert ("Hours", "9-12") in [(fact.name, fact.value) for fact in plan.facts]


@pytest.mark.parametrize(
    "header",
    [
        "Aufgabe | Verantwortlich | Punkte | Priorit\u00e4t",
        "Tarea | Responsable | Puntos | Prioridad",
        "T\u00e2che | Responsable | Points | Priorit\u00e9",
        "\u4efb\u52a1 | \u8d1f\u8d23\u4eba | \u70b9\u6570 | \u4f18\u5148\u7ea7",
    ],
)
def test_columns_in_other_languages(header: str) -> None:
    plan = read_plan(HEAD + table("US-1: Kuchen | Ada | 3/5 | P1", header=header))
    (cake,) = plan.stories
    assert (cake.agents, cake.points, cake.priority, cake.kind) == (["Ada"], 5, "P1", "task")
    assert [(part.points, part.of) for part in cake.allocations] == [(3, 5)]
    assert Code.STORY_UNDER_ALLOCATED in codes(plan)


def test_a_table_with_a_column_for_the_sprint() -> None:
    plan = read_plan(
        "# Plan\n"
        + table("US-1: Cake | 1 | 3", "US-2: Icing | Sprint 2 | 5", header="Story | Sprint | Points")
    )
    assert [each.sprints for each in plan.stories] == [["Sprint 1"], ["Sprint 2"]]
    assert [(sprint.id, sprint.number, sprint.implicit) for sprint in plan.sprints] == [
        ("Sprint 1", 1, True),
        ("Sprint 2", 2, True),
    ]


def test_parts_without_a_whole_add_up() -> None:
    plan = read_plan(
        HEAD
        + table("US-1: Cake (Start) | Ada | 3")
        + "## Sprint 2: Oven\n"
        + table("US-1: Cake (Continued) | Ada | 2")
        + "## Sprint 3: Shop\n"
        + table("US-1: Cake (Complete) | Bob | 4")
    )
    (cake,) = plan.stories
    assert (cake.points, cake.sprints) == (9, ["Sprint 1", "Sprint 2", "Sprint 3"])
    assert [part.marker for part in cake.allocations] == ["Start", "Continued", "Complete"]
    assert (cake.agents, cake.agents_as_written, cake.collaborative) == (["Ada", "Bob"], "Ada, Bob", True)


def test_rows_of_one_story_that_do_not_agree() -> None:
    header = "Story | Points | Priority"
    plan = read_plan(
        HEAD
        + table("US-1: Cake (Start) | 3/5 | P0", header=header)
        + "## Sprint 2: Oven\n"
        + table("US-1: Tart (Complete) | 2/5 | P1", header=header)
    )
    (cake,) = plan.stories
    assert (cake.title, cake.priority) == ("Cake", "P0")
    remarks = [each.message for each in check_plan(plan) if each.code == Code.ROWS_DIFFER]
    assert ["the title `Tart`" in remarks[0], "the priority `P1`" in remarks[1]] == [True, True]


def test_the_same_id_for_two_stories_is_refused() -> None:
    plan = read_plan(HEAD + table("US-1: Cake | Ada | 3", "US-1: Icing | Bob | 5"))
    assert [each.title for each in plan.stories] == ["Cake", "Icing"]
    assert Code.DUPLICATE_ID in codes(plan)


def test_the_same_work_twice_in_a_sprint_has_two_ids() -> None:
    plan = read_plan(HEAD + table("US-1: Cake | Ada | 3", "Bugs | Ada | 1", "Bugs | Bob | 2"))
    assert [each.id for each in plan.stories] == ["US-1", "Sprint 1: Bugs", "Sprint 1: Bugs (2)"]
    assert not has_errors(check_plan(plan))


def test_stories_without_any_ids_are_stories() -> None:
    plan = read_plan(HEAD + table("Cake | Ada | 3", "Icing | Bob | 5"))
    assert [(each.id, each.kind, each.epic) for each in plan.stories] == [
        ("Sprint 1: Cake", "story", "Epic"),
        ("Sprint 1: Icing", "story", "Epic"),
    ]
    assert [(epic.id, epic.implicit, len(epic.stories)) for epic in plan.epics] == [("Epic", True, 2)]


def test_numbers_of_rows_are_ids_only_where_they_are_unique() -> None:
    header = "# | Task | Points"
    unique = read_plan(HEAD + table("1 | Cake | 3", "2 | Icing | 5", header=header))
    assert [each.id for each in unique.stories] == ["1", "2"]
    again = read_plan(
        HEAD
        + table("1 | Cake | 3", header=header)
        + "## Sprint 2 (If time permits): Oven\n"
        + table("1 | Tart | 5", header=header)
    )
    assert [each.id for each in again.stories] == ["Sprint 1: Cake", "Sprint 2: Tart"]
    assert not has_errors(check_plan(again))
    assert [(each.name, each.condition) for each in again.sprints] == [
        ("Dough", None),
        ("Oven", "If time permits"),
    ]


def test_an_epic_column() -> None:
    plan = read_plan(
        HEAD + table("US-1: Cake | Baking | 3", "US-2: Shop | Sales | 5", header="Story | Epic | Points")
    )
    assert [(epic.id, epic.stories, epic.implicit) for epic in plan.epics] == [
        ("Baking", ["US-1"], False),
        ("Sales", ["US-2"], False),
    ]


ROLES = """
## Team Roles
- **Front-End Developer** (part-time): Builds pages
  - Primary: Pages (1, 3-4)
  - Load: 12
- **Backend Engineer 1**: Builds services
- **Backend Engineer 2**
- **QA/Release**: Tests
"""


def test_roles_as_bullets_and_the_forms_of_their_names() -> None:
    rows = [
        ("US-1", "Frontend Dev", ["Frontend Dev"]),
        ("US-2", "Backend Eng 1 & QA", ["Backend Eng 1", "QA"]),
        ("US-3", "QA, Backend Eng 2", ["QA", "Backend Eng 2"]),
        ("US-4", "Backend", ["Backend"]),
        ("US-5", "UI/UX Expert", ["UI/UX Expert"]),
    ]
    plan = read_plan(HEAD + table(*(f"{identity}: T | {who} | 2" for identity, who, _ in rows)) + ROLES)
    assert [each.agents for each in plan.stories] == [agents for _, _, agents in rows]
    front = plan.agents[0]
    assert (front.title, front.qualifier, front.role) == ("Front-End Developer", "part-time", "Builds pages")
    assert (front.primary_stories, front.points_stated) == (["US-1", "US-3", "US-4"], 12)
    assert [agent.id for agent in plan.agents if agent.title is None] == ["UI/UX Expert"]
    assert [agent.title for agent in plan.agents if "Backend" in agent.aliases] == [
        "Backend Engineer 1",
        "Backend Engineer 2",
    ]
    found = codes(plan)
    assert not has_errors(check_plan(plan))
    assert {Code.AGENT_POOL, Code.AGENT_NOT_DESCRIBED, Code.AGENT_ALIAS, Code.AGENT_LOAD_DIFFERS} <= set(
        found
    )


def test_roles_as_headings_and_as_a_table() -> None:
    headings = read_plan(
        HEAD
        + table("US-1: T | Ada | 2")
        + "## Roles\n### Ada (lead)\n- Primary: US-1\n- 2 points\n### Bob\nTests.\n"
    )
    assert [(a.id, a.qualifier, a.primary_stories, a.points_stated, a.role) for a in headings.agents] == [
        ("Ada", "lead", ["US-1"], 2, None),
        ("Bob", None, [], None, "Tests."),
    ]
    rows = read_plan(
        HEAD
        + table("US-1: T | Ada | 2")
        + "## Roles\n"
        + table("Ada | US-1 | 5 points", "Bob | | ", header="Role | Primary Focus | Load")
    )
    assert [(a.id, a.primary_stories, a.points_stated) for a in rows.agents] == [
        ("Ada", ["US-1"], 5),
        ("Bob", [], None),
    ]
    assert Code.AGENT_LOAD_DIFFERS in codes(rows)


def test_without_described_roles_nobody_is_new_and_all_are_those_of_the_rows() -> None:
    plan = read_plan(
        HEAD + table("US-1: T | Ada | 2", "US-2: T | Bob/Ada | 1", "US-3: T | Bob | 1", "US-4: T | All | 1")
    )
    assert [agent.id for agent in plan.agents] == ["Ada", "Bob"]
    assert story(plan, "US-2").agents == ["Bob", "Ada"]
    assert story(plan, "US-4").agents == ["Ada", "Bob"]
    assert Code.AGENT_NOT_DESCRIBED not in codes(plan)
    assert codes(plan).count(Code.EITHER_AGENT) == 1


def test_capacity_of_a_sprint_and_of_the_plan() -> None:
    plan = read_plan(
        "# Plan\n**Velocity**: 5-8 points per sprint\n"
        + "## Sprint 1\n"
        + table("US-1: T | Ada | 9")
        + "## Sprint 2\n"
        + table("US-2: T | Ada | 4")
        + "## Sprint 3 (If Needed)\n"
        + table("US-3: T | Ada | 1")
        + "## Sprint 4\n**Capacity**: 3 points\n"
        + table("US-4: T | Ada | 4")
    )
    found = [(each.code, each.message) for each in check_plan(plan) if "CAPACITY" in each.code]
    assert [(code, message.split(",")[0]) for code, message in found] == [
        (Code.SPRINT_OVER_CAPACITY, "`Sprint 1` has 9 points"),
        (Code.SPRINT_UNDER_CAPACITY, "`Sprint 2` has 4 points"),
        (Code.SPRINT_OVER_CAPACITY, "`Sprint 4` has 4 points"),
    ]
    assert [sprint.condition for sprint in plan.sprints] == [None, None, "If Needed", None]


def test_a_velocity_that_is_not_in_points_checks_nothing() -> None:
    plan = read_plan(
        "# Plan\n**Capacity**: 5-8 days per sprint\n" + "## Sprint 1\n" + table("US-1: T | Ada | 9")
    )
    assert plan.capacity == "5-8 days per sprint"
    assert Code.SPRINT_OVER_CAPACITY not in codes(plan)


def test_stated_numbers_that_differ() -> None:
    plan = read_plan(
        "# Plan\nThe 3 stories of a 3-week sprint.\n## Overview\n**Total Points**: 10\n"
        "**Number of Sprints**: 2\n"
        "## Sprint 1\n**Points**: 7 points\n" + table("US-1: T | Ada | 9")
    )
    found = {(each.code, each.line) for each in check_plan(plan)}
    assert {(Code.POINTS_DIFFER, 4), (Code.COUNT_DIFFERS, 2), (Code.COUNT_DIFFERS, 5)} <= found
    assert plan.sprints[0].duration_text == "3 weeks"


def test_lists_in_the_sprint_itself() -> None:
    plan = read(f"""
        # Plan
        ## Sprint 1 (Weeks 1-2): Dough
        **Sprint Goal**: Rises
        {table("US-1: T | Ada | 9").replace(chr(10), chr(10) + "        ")}
        **Success Criteria**:
        - [x] Smells good

        **Risks**:
        - Yeast is old
        - **Oven**: Cold
          - Impact: High
          - Mitigation: Heat it

        **Mitigation**: Buy new

        ### Deliverables
        - Bread

        ### Definition of Done
        - [ ] Eaten
        """)
    (sprint,) = plan.sprints
    assert (sprint.name, sprint.weeks, sprint.goal) == ("Dough", (1, 2), "Rises")
    assert [(item.text, item.done) for item in sprint.success_criteria] == [("Smells good", True)]
    assert [item.text for item in sprint.deliverables] == ["Bread"]
    assert [item.text for item in sprint.definition_of_done] == ["Eaten"]
    assert [(r.name, r.text, r.impact, r.mitigation, r.sprint) for r in plan.risks] == [
        ("Yeast is old", "Yeast is old", None, "Buy new", "Sprint 1"),
        ("Oven", "Cold", "High", "Heat it", "Sprint 1"),
    ]


def test_headings_of_sprints_below_a_topic_open_no_sprint() -> None:
    plan = read_plan(
        HEAD
        + table("US-1: T | Ada | 9")
        + "## Success Criteria\n### Sprint 1\n- Sold\n"
        + "## Risks\n### Sprint 1: Dough\n- Burnt\n### Contingency\n- Drop US-1\n"
    )
    assert len(plan.sprints) == 1
    assert [item.text for item in plan.sprints[0].success_criteria] == ["Sold"]
    assert [(risk.text, risk.sprint) for risk in plan.risks] == [("Burnt", "Sprint 1")]
    assert [(each.text, each.stories) for each in plan.contingency] == [("Drop US-1", ["US-1"])]


def test_a_word_of_a_topic_in_the_name_of_a_sprint_is_a_name() -> None:
    plan = read_plan("# Plan\n## Sprint 1: Risk roles\n" + table("US-1: T | Ada | 9"))
    assert [(sprint.name, len(plan.stories)) for sprint in plan.sprints] == [("Risk roles", 1)]


def test_a_table_of_something_else_is_kept_and_is_no_work() -> None:
    plan = read_plan(HEAD + table("US-1: T | Ada | 9") + "\n" + table("Oven | 2", header="Tool | Count"))
    assert [each.id for each in plan.stories] == ["US-1"]
    assert any("Oven" in str(fact.value) for fact in plan.facts)


def test_a_table_without_a_sprint_is_not_this_format() -> None:
    try:
        plan = read_plan("# Plan\n" + table("US-1: T | Ada | 9"))
    except PlanUnreadable:
        return
    assert plan.source.kind != "sprint assignment (tables)"


def test_thousands_of_rows_and_hundreds_of_names_are_read() -> None:
    def text(count: int) -> str:
        rows = [f"STORY-{n}: Cake number {n} | Agent {n % 500} | 3" for n in range(count)]
        size = count // 10
        sprints = (f"## Sprint {n + 1}: S\n" + table(*rows[n * size : (n + 1) * size]) for n in range(10))
        return "# Plan\n" + "\n".join(sprints)

    plan = read_plan(text(2_000))
    assert (len(plan.stories), len(plan.agents), len(plan.sprints)) == (2_000, 500, 10)
    assert not has_errors(check_plan(plan))


@pytest.mark.parametrize("run", [" ", "(", ".", "/", "+ ", "1-", "*", "Sprint 1 "])
def test_long_runs_of_anything_are_read_in_linear_time(run: str) -> None:
    # With quadratic time one of these would take minutes.
    long = f"x{run * 50_000}x"
    check_plan(
        read_plan(
            f"# {long}\n## Sprint 1: {long}\n**Points**: {long}\n"
            + table("US-1: T | Ada | 1", f"US-2: {long} | {long} | {long}")
            + f"## Roles\n**{long}**:\n- Primary: {long}\n- {long}\n## If late\n- {long}\n"
            + f"## Sprint 1 Risks\n- {long}\n## Overview\n**Team Size**: {long}\n\nthe {long}\n"
        )
    )
