"""Whether a story may change nothing: read in five languages, written back, told where nothing proves it."""

from __future__ import annotations

import pytest

from paceline.domain.plan import Plan, Story
from paceline.plans.lint import check_plan
from paceline.plans.normal_form import write_normal_form, write_normal_form_yaml
from paceline.plans.reader import read_plan
from tests.sample_plans import E, S, plan

TASKS = "# Bakery\n\n- [ ] BK-1 Look at the dough\n  - Change: {}\n- [ ] BK-2 Bake\n"


def with_line(*lines: str) -> str:
    """A plan with one story, in which these lines stand."""
    text = plan(E("1", [S("1.1", files=("a.txt",), checks=("test -f a.txt",))]))
    return text.replace("- **Tasks**:", "\n".join([*lines, "- **Tasks**:"]), 1)


def story_of(*lines: str) -> Story:
    return read_plan(with_line(*lines)).stories[0]


def codes(text: str) -> set[str]:
    found = read_plan(text)
    return {finding.code for finding in check_plan(found, {"": text})}


@pytest.mark.parametrize(
    "line",
    [
        "- **Change**: none expected",
        "- **Change:** None expected.",
        "- **Change**: none",
        "- Change: optional",
        "- **Change**: none expected (it is measured only)",
        "- **Change**: not needed, the numbers are what counts",
        "- **Code changes**: no",
        "- **No change needed**: yes",
        "- **No changes expected**",
        "- **No change**: allowed - the file may be right already",
        "- **Änderung**: keine erwartet",
        "- **Keine Änderung nötig**: ja",
        "- **Cambios de código**: ninguno",
        "- **Sin cambios**: sí",
        "- **Changement**: aucun attendu",
        "- **Aucun changement nécessaire**: oui",
        "- **变更**：无",  # noqa: RUF001 - as it is written in Chinese
        "- **无需变更**：是（只做检查）",  # noqa: RUF001 - as it is written in Chinese
    ],
)
def test_a_story_that_may_change_nothing(line: str) -> None:
    assert story_of(line).change == "optional"


@pytest.mark.parametrize(
    "line",
    [
        "- **Change**: required",
        "- **Code change**: yes",
        "- **No change needed**: no",
        "- **Änderung nötig**: ja",
        "- **Cambio**: necesario",
        "- **Changement**: requis",
        "- **变更**：必须",  # noqa: RUF001 - as it is written in Chinese
    ],
)
def test_a_story_that_says_that_it_changes_something(line: str) -> None:
    assert story_of(line).change == "required"


def test_a_story_that_says_nothing_of_it() -> None:
    assert story_of().change is None


def test_other_words_are_kept_and_doubted() -> None:
    text = with_line("- **Change**: the colour of the door")
    found = read_plan(text)
    assert found.stories[0].change is None
    assert [(fact.name, fact.value) for fact in found.facts if fact.section == "Story 1.1"] == [
        ("Change", "the colour of the door")
    ]
    assert "CHANGE_NOT_UNDERSTOOD" in codes(text)
    assert "CHANGE_NOT_UNDERSTOOD" not in codes(with_line("- **Change**: none expected"))


@pytest.mark.parametrize("label", ["Changes", "Charge"])
def test_a_label_that_looks_alike_is_not_taken_for_one_that_is_wrong(label: str) -> None:
    text = with_line(f"- **{label}**: the door, the lock")
    found = read_plan(text)
    told = [finding for finding in check_plan(found, {"": text}) if label in finding.message]
    assert [(finding.code, "hange" in (finding.remedy or "")) for finding in told] == [
        ("UNKNOWN_FIELD", False)
    ]
    assert found.stories[0].change is None


def test_a_reason_beside_the_answer_is_kept() -> None:
    found = read_plan(with_line("- **Change**: none expected (it is measured only)"))
    assert [fact.value for fact in found.facts if fact.name == "Change"] == [
        "none expected (it is measured only)"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "# Bakery\n\n## Sprint 1: Bread\n\n- **Story 1**: Look at the dough\n  - Change: none expected\n"
        "  - Checks: `true`\n",
        TASKS.format("none expected"),
        "# Bakery\n\n## Story 1: Look at the dough\n\n| Field | Value |\n|---|---|\n| Agent | Ada |\n"
        "| Change | none expected |\n",
    ],
    ids=["bullets", "task list", "table of one story"],
)
def test_other_forms_of_a_story(text: str) -> None:
    assert [story.change for story in read_plan(text).stories] == ["optional", None][
        : len(read_plan(text).stories)
    ]


def test_a_task_about_a_change_stays_a_task() -> None:
    story = read_plan(TASKS.format("the colour of the door")).stories[0]
    assert (story.change, [task.text for task in story.tasks]) == (None, ["Change: the colour of the door"])


@pytest.mark.parametrize("line", ["- **Change**: none expected", "- **Change**: required", ""])
def test_it_is_written_back_and_absent_where_the_plan_is_silent(line: str) -> None:
    found = read_plan(with_line(*filter(None, [line])))
    for text in (write_normal_form(found), write_normal_form_yaml(found)):
        assert read_plan(text, "again") == found
        assert ("change" in text.replace("Change", "")) == bool(line)


def test_a_plan_by_hand_may_say_it() -> None:
    text = 'schema_version: 1\ntitle: Kites\nstories:\n- id: "1"\n  title: Look\n  change: optional\n'
    assert read_plan(text).stories[0].change == "optional"


def test_where_nothing_would_prove_it_a_finding_says_so() -> None:
    def of(change: str, *more: str) -> set[str]:
        lines = [f"- **Change**: {change}", *more]
        return codes("# Bakery\n\n## Story 1: Look\n\n- **Agent**: Ada\n" + "\n".join(lines) + "\n")

    assert "NO_CHANGE_WITHOUT_PROOF" in of("none expected")
    assert "STORY_WITHOUT_PROOF" not in of("none expected"), "one finding says it"
    assert "STORY_WITHOUT_PROOF" in of("required")
    for proof in ("- **Checks**: `true`", "- **Acceptance Criteria**:\n  - It rises"):
        assert not {"NO_CHANGE_WITHOUT_PROOF", "STORY_WITHOUT_PROOF"} & of("none expected", proof)


def test_a_plan_that_is_silent_keeps_its_digest() -> None:
    story = Story(id="1", title="Look")
    assert "change" not in story.model_dump()
    assert "change" in Story(id="1", title="Look", change="optional").model_dump()
    assert Plan.model_fields["stories"].annotation == list[Story]
