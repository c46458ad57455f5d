"""The example is what it says: a plan that reads, work that passes in any order, an honest agent."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from paceline.domain.globs import covers
from paceline.domain.graph import story_edges
from paceline.domain.plan import Plan, Story
from paceline.domain.schedule import lock_contention, lock_patterns
from paceline.domain.work import WorkOrder, WorkOutcome, WorkResult
from paceline.plans.lint import check_plan
from paceline.plans.reader import read_plan

EXAMPLES = Path(__file__).parents[2] / "examples"
SHED = EXAMPLES / "toolshed"
AGENT = EXAMPLES / "scripted_agent.py"
EDITS = {file: tomllib.loads(file.read_text()) for file in sorted((SHED / "edits").glob("*.toml"))}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return read_plan((SHED / "plan.md").read_text(), "plan.md")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    copy = tmp_path / "toolshed"
    shutil.copytree(SHED / "repository", copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def order_for(story: Story, plan: Plan, **changes: Any) -> WorkOrder:
    fields: dict[str, Any] = {
        "project": "shed",
        "story": story.id,
        "title": story.title,
        "agent": story.agents[0],
        "agents": story.agents,
        "attempt": 1,
        "claimed": lock_patterns(story, plan),
    }
    return WorkOrder(**{**fields, **changes})


def run_agent(
    worktree: Path, order: WorkOrder, *arguments: str
) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run the agent as Paceline does: order and result are files outside the worktree."""
    order_file, result_file = worktree.parent / "order.json", worktree.parent / "result.json"
    order_file.write_text(order.model_dump_json())
    result_file.unlink(missing_ok=True)
    command = [sys.executable, str(AGENT), "--order", str(order_file), "--result", str(result_file)]
    done = subprocess.run(
        [*command, "--pace", "0", *arguments],
        cwd=worktree,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done, result_file


def work_on(worktree: Path, order: WorkOrder, *arguments: str) -> WorkResult:
    done, result_file = run_agent(worktree, order, *arguments)
    assert done.returncode == 0, done.stderr
    return WorkResult.model_validate_json(result_file.read_text())


def do_story(worktree: Path, plan: Plan, story: Story) -> None:
    result = work_on(worktree, order_for(story, plan), "--recipes", str(SHED / "edits"))
    assert result.outcome is WorkOutcome.DONE, result.summary


def passes(repository: Path, command: str) -> bool:
    # The checks of a plan are shell commands.
    done = subprocess.run(command, cwd=repository, shell=True, capture_output=True, check=False, timeout=60)  # noqa: S602
    return done.returncode == 0


def story_order(plan: Plan, seed: int) -> list[Story]:
    """Some order that respects the dependencies; the same for the same seed."""
    rng = random.Random(seed)  # noqa: S311 - nothing secret is chosen
    stories, edges = {story.id: story for story in plan.stories}, story_edges(plan)
    chosen: list[str] = []
    while len(chosen) < len(stories):
        ready = [story for story in stories if story not in chosen and set(edges[story]) <= set(chosen)]
        chosen.append(rng.choice(ready))
    return [stories[story] for story in chosen]


def files_of(folder: Path) -> dict[str, str]:
    files = (file for file in sorted(folder.rglob("*")) if file.is_file() and "__pycache__" not in file.parts)
    return {file.relative_to(folder).as_posix(): file.read_text() for file in files}


class TestPlan:
    def test_the_only_remarks_are_on_what_it_shows(self, plan: Plan) -> None:
        assert sorted(finding.code for finding in check_plan(plan)) == [
            "FILES_SHARED_IN_WAVE",
            "PARTIAL_DEPENDENCY",
        ]
        assert (len(plan.epics), len(plan.stories)) == (3, 11)

    def test_it_shows_what_the_example_is_for(self, plan: Plan) -> None:
        edges = story_edges(plan)
        assert [(c.pattern, c.stories) for c in lock_contention(plan)] == [
            ("toolshed/cli.py", ["Story 1.4", "Story 2.4"])
        ]
        assert "Story 1.4" not in edges["Story 2.4"]
        assert "Story 2.4" not in edges["Story 1.4"]
        assert [story.id for story in plan.stories if story.collaborative] == ["Story 3.1"]
        assert [story.id for story in plan.stories if story.approval] == ["Story 2.3"]

    def test_epic_2_waits_for_a_part_of_epic_1_and_epic_3_for_both(self, plan: Plan) -> None:
        edges = story_edges(plan)
        assert edges["Story 2.1"] == ["Story 1.1"]
        earlier = {story.id for story in plan.stories if story.epic != "Epic 3"}
        assert set(edges["Story 3.1"]) == earlier

    def test_a_command_proves_every_criterion(self, plan: Plan) -> None:
        criteria = [item for story in plan.stories for item in story.acceptance_criteria]
        assert [item.text for item in criteria if not item.command] == []

    def test_every_story_has_checks_and_files(self, plan: Plan) -> None:
        assert [story.id for story in plan.stories if not (story.proofs() and story.files)] == []


class TestRecipes:
    def test_every_story_has_one(self, plan: Plan) -> None:
        assert sorted(recipe["story"] for recipe in EDITS.values()) == sorted(
            story.id for story in plan.stories
        )

    def test_they_keep_to_the_files_of_their_story(self, plan: Plan) -> None:
        claims = {story.id: lock_patterns(story, plan) for story in plan.stories}
        strays = [
            (recipe["story"], edit["path"])
            for recipe in EDITS.values()
            for edit in recipe["edit"]
            if not covers(claims[recipe["story"]], edit["path"])
        ]
        assert strays == []

    def test_every_check_fails_before_its_story_and_passes_after(self, plan: Plan, repository: Path) -> None:
        for story in story_order(plan, 0):
            assert [check for check in story.proofs() if passes(repository, check)] == []
            do_story(repository, plan, story)
            assert [check for check in story.proofs() if not passes(repository, check)] == []
        assert passes(repository, "python3 -m unittest")

    def test_the_order_of_independent_stories_makes_no_difference(self, plan: Plan, tmp_path: Path) -> None:
        ends: list[dict[str, str]] = []
        orders = {tuple(s.id for s in story_order(plan, seed)): seed for seed in range(1, 5)}
        assert len(orders) > 1
        for number, seed in enumerate(orders.values()):
            repository = tmp_path / str(number) / "toolshed"
            shutil.copytree(SHED / "repository", repository)
            for story in story_order(plan, seed):
                do_story(repository, plan, story)
            ends.append(files_of(repository))
        assert all(end == ends[0] for end in ends)

    def test_a_story_done_twice_is_done_once(self, plan: Plan, repository: Path) -> None:
        for story in story_order(plan, 0):
            do_story(repository, plan, story)
            before = files_of(repository)
            do_story(repository, plan, story)
            assert files_of(repository) == before

    @pytest.mark.parametrize(("first", "second"), [("Story 1.4", "Story 2.4"), ("Story 2.4", "Story 1.4")])
    def test_the_contending_stories_merge_cleanly(
        self, plan: Plan, repository: Path, first: str, second: str
    ) -> None:
        stories = {story.id: story for story in plan.stories}

        def git(*arguments: str) -> None:
            identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]
            subprocess.run(["git", *identity, *arguments], cwd=repository, check=True, capture_output=True)

        git("init", "--quiet", "--initial-branch=main")
        for branch, story in (("base", None), ("first", first), ("second", second)):
            git("checkout", "--quiet", *(["base"] if story else []), "-b", branch)
            if story:
                do_story(repository, plan, stories[story])
            git("add", "--all")
            git("commit", "--quiet", "--message", branch)
        git("merge", "--quiet", "--no-edit", "first")
        assert "NotImplementedError" not in (repository / "toolshed" / "cli.py").read_text()


class TestScriptedAgent:
    def test_a_story_without_recipe_leaves_a_line_in_every_claimed_path(
        self, plan: Plan, tmp_path: Path
    ) -> None:
        worktree = tmp_path / "worktree"
        (worktree / "server").mkdir(parents=True)
        (worktree / "server" / "routes.ts").write_text("export {};\n")
        claimed = ["server/routes.ts", "docs/new.md", "tests/**", "src/*.py", "logs/"]
        order = order_for(plan.stories[0], plan, claimed=claimed)
        result = work_on(worktree, order)
        files = files_of(worktree)
        assert result.outcome is WorkOutcome.DONE
        assert len(files) == len(claimed)
        assert [path for path in files if not covers(claimed, path)] == []
        assert files["server/routes.ts"].startswith("export {};\n\n// Story 1.1: Shelve tools")
        work_on(worktree, order)
        assert files_of(worktree) == files

    @pytest.mark.parametrize(
        "claimed", [["**"], ["[id].tsx"], ["a/**/b/*.ts"], ["./x.txt"], ["**/*.md"], ["?.py"]]
    )
    def test_what_it_writes_is_covered_by_the_claim(
        self, plan: Plan, tmp_path: Path, claimed: list[str]
    ) -> None:
        worktree = tmp_path / "worktree"
        worktree.mkdir()
        result = work_on(worktree, order_for(plan.stories[0], plan, claimed=claimed))
        assert result.outcome is WorkOutcome.DONE
        assert [covers(claimed, path) for path in files_of(worktree)] == [True]

    def test_it_refuses_a_path_that_is_not_claimed(self, plan: Plan, repository: Path) -> None:
        before = files_of(repository)
        order = order_for(plan.stories[0], plan, claimed=["README.md"])
        result = work_on(repository, order, "--recipes", str(SHED / "edits"))
        assert result.outcome is WorkOutcome.BLOCKED
        assert "toolshed/catalog.py" in (result.question or "")
        assert files_of(repository) == before

    @pytest.mark.parametrize("claim", ["../elsewhere.txt", "/tmp/elsewhere.txt"])  # noqa: S108 - never written
    def test_it_does_not_leave_its_worktree(self, plan: Plan, tmp_path: Path, claim: str) -> None:
        worktree = tmp_path / "worktree"
        worktree.mkdir()
        result = work_on(worktree, order_for(plan.stories[0], plan, claimed=[claim]))
        assert result.outcome is WorkOutcome.BLOCKED
        assert not (tmp_path / "elsewhere.txt").exists()

    def test_an_amendment_is_written_word_for_word(self, plan: Plan, repository: Path) -> None:
        fees = next(story for story in plan.stories if story.id == "Story 2.3")
        asked = 'Say that "children" pay nothing.\n\n  And keep\tthis line as it is. '
        order = order_for(fees, plan, amendments=[asked], attempt=2)
        result = work_on(repository, order, "--recipes", str(SHED / "edits"))
        assert asked in (repository / "docs" / "fees.md").read_text()
        assert asked in result.summary

    def test_it_finds_its_files_by_the_environment(self, plan: Plan, tmp_path: Path) -> None:
        worktree = tmp_path / "worktree"
        worktree.mkdir()
        order = order_for(plan.stories[0], plan, claimed=["a.txt"])
        (tmp_path / "order.json").write_text(order.model_dump_json())
        variables = {
            "PACELINE_WORK_ORDER": str(tmp_path / "order.json"),
            "PACELINE_WORK_RESULT": str(tmp_path / "result.json"),
        }
        command = [sys.executable, str(AGENT), "--pace", "0"]
        subprocess.run(command, cwd=worktree, env=variables, check=True, capture_output=True, timeout=60)
        assert json.loads((tmp_path / "result.json").read_text())["outcome"] == "done"


class TestMisbehaviour:
    @pytest.fixture
    def worktree(self, tmp_path: Path) -> Path:
        folder = tmp_path / "worktree"
        folder.mkdir()
        return folder

    @pytest.fixture
    def order(self, plan: Plan) -> WorkOrder:
        return order_for(plan.stories[0], plan, claimed=["a.txt"])

    def test_nonsense_is_no_work_result(self, worktree: Path, order: WorkOrder) -> None:
        done, result_file = run_agent(worktree, order, "--behave", "nonsense")
        assert done.returncode == 0
        with pytest.raises(ValueError, match="Invalid JSON"):
            WorkResult.model_validate_json(result_file.read_text())

    def test_exit_leaves_no_result(self, worktree: Path, order: WorkOrder) -> None:
        done, result_file = run_agent(worktree, order, "--behave", "exit")
        assert done.returncode != 0
        assert not result_file.exists()

    def test_unclaimed_touches_a_file_of_nobody(self, worktree: Path, order: WorkOrder) -> None:
        assert work_on(worktree, order, "--behave", "unclaimed").outcome is WorkOutcome.DONE
        assert sorted(files_of(worktree)) == ["a.txt", "unclaimed.txt"]

    def test_no_change_claims_to_be_done(self, worktree: Path, order: WorkOrder) -> None:
        assert work_on(worktree, order, "--behave", "no-change").outcome is WorkOutcome.DONE
        assert files_of(worktree) == {}

    def test_hang_writes_nothing_and_does_not_end(self, worktree: Path, order: WorkOrder) -> None:
        (worktree.parent / "order.json").write_text(order.model_dump_json())
        result_file = worktree.parent / "result.json"
        files = ["--order", str(worktree.parent / "order.json"), "--result", str(result_file)]
        command = [sys.executable, str(AGENT), *files, "--behave", "hang"]
        with subprocess.Popen(command, cwd=worktree, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline(), process.stdout.readline()]
            process.kill()
            process.wait()
        assert "hang" in lines[1]
        assert process.returncode < 0
        assert not result_file.exists()

    def test_it_behaves_after_the_attempt_it_was_told(self, worktree: Path, order: WorkOrder) -> None:
        second = order.model_copy(update={"attempt": 2})
        assert (
            work_on(worktree, second, "--behave", "exit", "--until-attempt", "1").outcome is WorkOutcome.DONE
        )
