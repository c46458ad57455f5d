"""Merged stories are taken back and come back: asked about first, proven, and moved exactly once."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.rollback_history import boundaries
from api.main import create_app
from api.rollbacks import Wanted, ask, read_history
from paceline.domain.questions import Decision, Question, QuestionKind
from paceline.domain.rollback import Rollback, RollbackKind, RollbackState
from paceline.domain.rollback_steps import RollbackResult
from paceline.domain.states import RunState, StoryState
from paceline.errors import Conflict, NotFound
from paceline.store import claims, questions, rollbacks
from tests.integration.api.allotment import calling
from tests.sample_plans import E, S, plan
from tests.world import World, git_lines, scripted

pytestmark = pytest.mark.temporal

THREE = plan(E("1", [S(f"1.{n}", files=(f"{n}.txt",), checks=(f"test -f {n}.txt",)) for n in (1, 2, 3)]))
CHAIN = plan(
    E("1", [S("1.1", files=("1.txt",)), S("1.2", "Story 1.1", files=("2.txt",)), S("1.3", files=("3.txt",))])
)
STORY, BOUNDARY, UNDO = RollbackKind.STORY, RollbackKind.BOUNDARY, RollbackKind.UNDO


class Rolling:
    """A run that is over or goes on, and the ways a test rolls it back."""

    def __init__(self, world: World, project: str, repository: Path) -> None:
        self.world, self.project, self.repository = world, project, repository
        self.branch = f"paceline/{project}/sprint"

    async def ask(self, kind: RollbackKind, target: str, *, yes: bool = False) -> Rollback:
        wanted = Wanted(kind, target, "ada", "ada" if yes else None)
        return (await ask(self.project, wanted, self.world.database, self.world.client))[0]

    async def made(self, kind: RollbackKind, target: str) -> Rollback:
        return await self.end(await self.ask(kind, target, yes=True))

    async def end(self, asked: Rollback) -> Rollback:
        handle = self.world.client.get_workflow_handle(asked.id, result_type=RollbackResult)
        await handle.result()
        return await self.world.database.read(rollbacks.get_rollback, self.project, asked.number)

    async def question(self, asked: Rollback) -> Question:
        async def opened() -> bool:
            found = await self.world.database.read(rollbacks.get_rollback, self.project, asked.number)
            return found.question is not None

        await self.world.until(opened, f"a question about {asked.id}")
        found = await self.world.database.read(rollbacks.get_rollback, self.project, asked.number)
        return await self.world.database.read(questions.get_question, found.question or "")

    def files(self, commit: str | None = None) -> list[str]:
        return git_lines(self.repository, "ls-tree", "-r", "--name-only", commit or self.branch)

    def head(self) -> str:
        return git_lines(self.repository, "rev-parse", self.branch)[0]

    def tree(self, commit: str | None = None) -> str:
        return git_lines(self.repository, "rev-parse", f"{commit or self.branch}^{{tree}}")[0]

    async def states(self) -> dict[str, StoryState]:
        return {row.id: row.state for row in (await self.world.status(self.project)).stories}

    async def merge_of(self, story: str) -> str:
        rows = (await self.world.status(self.project)).stories
        return next(row.merge_commit for row in rows if row.id == story) or ""

    async def names(self) -> list[str]:
        return [event.name for event in await self.world.events(self.project)]


async def merged(world: World, name: str, repository: Path, text: str) -> Rolling:
    """A run that ended with all stories merged."""
    run = await world.start(text, project=name, repository=repository, agents=scripted())
    assert (await world.result(run.id)).state is RunState.COMPLETED
    return Rolling(world, run.id, repository)


async def test_one_of_three_goes_and_comes_back_byte_for_byte(
    world: World, name: str, repository: Path
) -> None:
    (repository / "README.md").write_text("Not committed.\n")
    async with world.workers():
        run = await world.start(
            THREE, project=name, repository=repository, agents=scripted(), allow_dirty=True
        )
        await world.result(run.id)
        rolling = Rolling(world, run.id, repository)
        before, whole = git_lines(repository, "status", "--porcelain=v2", "--branch"), rolling.tree()
        found = await rolling.made(STORY, "1.2")
        assert (found.state, found.reverted, found.decided_by) == (RollbackState.MADE, ["Story 1.2"], "ada")
        assert rolling.files() == ["1.txt", "3.txt", "README.md"]
        assert (await rolling.states())["Story 1.2"] is StoryState.REVERTED
        again = await rolling.ask(STORY, "Story 1.2", yes=True)
        assert (again.number, again.state) == (1, RollbackState.MADE)
        undone = await rolling.made(UNDO, "1")
        assert undone.restored == ["Story 1.2"]
    assert rolling.tree() == whole
    assert set((await rolling.states()).values()) == {StoryState.MERGED}
    trailer = "--format=%(trailers:key=Paceline-Rollback,valueonly,separator=%x2C)"
    lines = [each for each in git_lines(repository, "log", "--first-parent", trailer, rolling.branch) if each]
    assert lines == [f"{name}/rollback/2", f"{name}/rollback/1"]
    assert git_lines(repository, "status", "--porcelain=v2", "--branch") == before
    names = await rolling.names()
    assert names.count("rollback.made") == names.count("rollback.asked") == 2
    assert names.count("story.reverted") == names.count("story.restored") == 1
    assert await world.database.read(claims.list_claims) == []


@pytest.mark.parametrize(
    ("decision", "left", "state"),
    [
        (Decision.APPROVE, ["3.txt", "README.md"], RollbackState.MADE),
        (Decision.AMEND, ["2.txt", "3.txt", "README.md"], RollbackState.MADE),
        (Decision.REJECT, ["1.txt", "2.txt", "3.txt", "README.md"], RollbackState.REFUSED),
    ],
)
async def test_dependants_are_named_and_asked_about(
    world: World, name: str, repository: Path, decision: Decision, left: list[str], state: RollbackState
) -> None:
    async with world.workers():
        rolling = await merged(world, name, repository, CHAIN)
        head = rolling.head()
        asked = await rolling.ask(STORY, "Story 1.1", yes=True)
        question = await rolling.question(asked)
        assert question.kind is QuestionKind.CONFIRM_ROLLBACK
        assert "Story 1.2: depends on Story 1.1" in question.text
        assert "Story 1.3" not in question.text
        assert "1.txt" in question.context["diff_summary"]
        assert rolling.head() == head
        await world.answer(question, decision, "because", actor="grace")
        found = await rolling.end(asked)
    assert (found.state, found.decided_by) == (state, "grace")
    assert rolling.files() == left
    if decision is Decision.APPROVE:
        assert found.reverted == ["Story 1.2", "Story 1.1"]
    if decision is Decision.REJECT:
        assert (found.code, rolling.head()) == ("REJECTED", head)


async def test_back_to_a_boundary_and_forward_again(world: World, name: str, repository: Path) -> None:
    async with world.workers():
        rolling = await merged(world, name, repository, CHAIN)
        run, history = await read_history(name, world.database)
        first, *others = await boundaries(world.database, run, history)
        assert first.story == "start"
        assert {each.story for each in others} == {"Story 1.1", "Story 1.2", "Story 1.3"}
        last = others[-1]
        back = await rolling.made(BOUNDARY, others[0].story)
        assert rolling.tree() == rolling.tree(others[0].commit)
        assert set(back.reverted) == {each.story for each in others[1:]}
        forward = await rolling.made(BOUNDARY, last.story)
        assert rolling.tree() == rolling.tree(last.commit)
        assert set(forward.restored) == set(back.reverted)
        await rolling.made(BOUNDARY, "start")
        assert rolling.files() == ["README.md"]
        assert set((await rolling.states()).values()) == {StoryState.REVERTED}
        await rolling.made(UNDO, "3")
    assert rolling.tree() == rolling.tree(last.commit)
    # History only grew: everything that ever was on the branch still is.
    for each in others:
        git_lines(repository, "merge-base", "--is-ancestor", each.commit, rolling.branch)


async def test_a_conflict_is_typed_with_its_hunks_and_leaves_all_as_it_was(
    world: World, name: str, repository: Path
) -> None:
    text = plan(E("1", [S("1.1", files=("same.txt",)), S("1.2", "Story 1.1", files=("same.txt",))]))
    (repository / "same.txt").write_text("before\n")
    git_lines(repository, "add", "same.txt")
    git_lines(repository, "-c", "user.name=T", "-c", "user.email=t@localhost", "commit", "-q", "-m", "More")
    async with world.workers():
        rolling = await merged(world, name, repository, text)
        head = rolling.head()
        asked = await rolling.ask(STORY, "1.1")
        question = await rolling.question(asked)
        assert "With `amend` it is refused" in question.text
        await world.answer(question, Decision.AMEND, "only this one")
        found = await rolling.end(asked)
    assert (found.state, found.code) == (RollbackState.REFUSED, "MERGE_CONFLICT")
    assert found.details["paths"] == ["same.txt"]
    assert "Story 1.2" in found.details["hunks"]["same.txt"]
    assert rolling.head() == head
    assert await world.database.read(claims.list_claims) == []


async def test_checks_that_would_fail_are_told_before_it_moves(
    world: World, name: str, repository: Path
) -> None:
    check = "test ! -f 1.txt || test -f 2.txt"
    stories = [
        # Last, so that the check holds whenever 1.3 is merged.
        S("1.1", "Story 1.2, Story 1.3", files=("1.txt",)),
        S("1.2", files=("2.txt",)),
        S("1.3", files=("3.txt",), checks=(check,)),
    ]
    async with world.workers():
        run = await world.start(plan(E("1", stories)), project=name, repository=repository, agents=scripted())
        await world.result(run.id)
        rolling = Rolling(world, name, repository)
        head = rolling.head()
        asked = await rolling.ask(STORY, "1.2", yes=True)
        question = await rolling.question(asked)
        assert (
            f"With `amend` these checks of the remaining stories fail:\n- `{check}` of Story 1.3 exits with 1"
            in question.text
        )
        assert rolling.head() == head
        await world.answer(question, Decision.AMEND, "so be it")
        assert (await rolling.end(asked)).state is RollbackState.MADE
    assert rolling.files() == ["1.txt", "3.txt", "README.md"]


async def test_two_at_once_come_one_after_the_other(world: World, name: str, repository: Path) -> None:
    async with world.workers():
        rolling = await merged(world, name, repository, THREE)
        asked = [await rolling.ask(STORY, story, yes=True) for story in ("1.1", "1.2")]
        same = await rolling.ask(STORY, "1.1", yes=True)
        assert same.number == asked[0].number
        found = [await rolling.end(each) for each in asked]
    assert [each.state for each in found] == [RollbackState.MADE] * 2
    assert rolling.files() == ["3.txt", "README.md"]


async def test_while_the_sprint_runs_it_waits_for_who_works_on_its_files(
    world: World, name: str, repository: Path
) -> None:
    stories = [
        S("1.1", files=("1.txt", "both.txt")),
        S("1.2", files=("2.txt",), approval=True),
        S("1.3", "Story 1.1", files=("both.txt",), approval=True),
    ]
    async with world.workers():
        run = await world.start(plan(E("1", stories)), project=name, repository=repository, agents=scripted())
        rolling = Rolling(world, run.id, repository)
        await world.question(run.id, 2)
        approvals = {each.story: each for each in await world.database.read(questions.list_questions, name)}
        with pytest.raises(Conflict, match="has no merge"):
            await rolling.ask(STORY, "1.2")
        asked = await rolling.ask(STORY, "1.1")
        question = await rolling.question(asked)
        assert "Story 1.3: depends on it and has begun" in question.text
        await world.answer(question, Decision.APPROVE)

        async def waits() -> bool:
            rows = await world.database.read(claims.list_claims)
            return any(row.holder == asked.id and row.state == "waiting" for row in rows)

        await world.until(waits, "the rollback in the waiting line")
        await world.answer(approvals["Story 1.2"], Decision.APPROVE)
        await world.answer(approvals["Story 1.3"], Decision.APPROVE)

        async def asked_again() -> bool:
            found = await rolling.question(asked)
            return found.id != question.id

        # 1.3 has merged meanwhile and builds on it, so what was confirmed is not what would happen.
        await world.until(asked_again, "the second question")
        again = await rolling.question(asked)
        assert "Story 1.3: depends on Story 1.1" in again.text
        await world.answer(again, Decision.APPROVE)
        found = await rolling.end(asked)
        result = await world.result(run.id)
    assert found.reverted == ["Story 1.3", "Story 1.1"]
    assert rolling.files() == ["2.txt", "README.md"]
    assert result.state in (RunState.COMPLETED, RunState.INCOMPLETE)


async def test_what_cannot_be_is_refused_before_anything_starts(
    world: World, name: str, repository: Path
) -> None:
    async with world.workers():
        rolling = await merged(world, name, repository, CHAIN)
        for kind, target, error in (
            (STORY, "9.9", NotFound),
            (BOUNDARY, "nowhere", NotFound),
            (UNDO, "1", NotFound),
        ):
            with pytest.raises(error):
                await rolling.ask(kind, target)
        run, history = await read_history(name, world.database)
        last = (await boundaries(world.database, run, history))[-1]
        with pytest.raises(Conflict, match="already"):
            await rolling.ask(BOUNDARY, last.story)
    assert await world.database.read(rollbacks.rollbacks_of, name) == []


async def test_a_branch_that_is_checked_out_is_left_alone(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    async with world.workers():
        rolling = await merged(world, name, repository, THREE)
        place = tmp_path / "checkout"
        git_lines(repository, "worktree", "add", "-q", str(place), rolling.branch)
        head = rolling.head()
        found = await rolling.made(STORY, "1.1")
    assert (found.state, found.code) == (RollbackState.REFUSED, "BRANCH_CHECKED_OUT")
    assert rolling.head() == head
    assert git_lines(place, "status", "--porcelain") == []


async def test_cancelling_gives_everything_back(world: World, name: str, repository: Path) -> None:
    async with world.workers():
        rolling = await merged(world, name, repository, CHAIN)
        asked = await rolling.ask(STORY, "1.1")
        question = await rolling.question(asked)
        handle = world.client.get_workflow_handle(asked.id)
        await handle.cancel()

        async def ended() -> bool:
            found = await world.database.read(rollbacks.get_rollback, name, asked.number)
            return found.state is RollbackState.REFUSED

        await world.until(ended, "the end of the rollback")
    stored = await world.database.read(questions.get_question, question.id)
    assert stored.state == "withdrawn"
    assert await world.database.read(claims.list_claims) == []


async def test_over_the_api_the_same_request_attaches(world: World, name: str, repository: Path) -> None:
    async with world.workers(), calling(create_app(world.database, world.client, world.settings)) as calls:
        rolling = await merged(world, name, repository, CHAIN)
        base = f"/api/v1/projects/{name}"
        body = {"story": "Story 1.3", "asked_by": "ada"}
        replies = [await calls.post(f"{base}/rollbacks", json=body) for _ in range(2)]
        assert [each.status_code for each in replies] == [201, 200]
        assert {each.json()["rollback"]["id"] for each in replies} == {f"{name}/rollback/1"}
        (asked,) = await world.database.read(rollbacks.rollbacks_of, name)
        await world.answer(await rolling.question(asked), Decision.APPROVE)
        await rolling.end(asked)
        (shown,) = (await calls.get(f"{base}/rollbacks")).json()
        assert (shown["state"], shown["commits"][0]["reverts"]) == ("made", ["Story 1.3"])
        found = {each["story"]: each for each in (await calls.get(f"{base}/boundaries")).json()}
        assert (found["Story 1.3"]["standing"], found["Story 1.1"]["standing"]) == (False, True)
        assert (await calls.post(f"{base}/rollbacks", json=body)).json()["attached"]
        for wrong in ({}, {"story": "1.1", "to": "1.1"}, {"undo": 0}, {"story": "1.1", "confirmed_by": " "}):
            assert (await calls.post(f"{base}/rollbacks", json=wrong)).status_code == 422
        assert (await calls.get("/api/v1/projects/nowhere/boundaries")).status_code == 404
        assert (await calls.get("/api/v1/projects/nowhere/rollbacks")).status_code == 404
