"""Stories of command agents end as merges on the sprint's branch; what fails is preserved and asked about."""

from __future__ import annotations

from pathlib import Path

import pytest

from paceline.domain.questions import Decision, QuestionKind
from paceline.domain.states import RunState, StoryState
from tests.sample_plans import E, S, plan
from tests.world import World, git_lines, scripted

pytestmark = pytest.mark.temporal

TWO = plan(
    E("1", [S("1.1", files=("a.txt",), checks=("test -f a.txt",))]),
    E("2", [S("2.1", "Story 1.1", files=("a.txt", "b.txt"), checks=("grep -q 2.1 b.txt",))]),
)


def merges(repository: Path, branch: str) -> list[str]:
    """Workflow ids in the story trailers of a branch's merge commits, newest first."""
    format_ = "--format=%(trailers:key=Paceline-Story,valueonly,separator=%x2C)"
    return [line for line in git_lines(repository, "log", "--merges", format_, branch) if line]


async def test_work_is_merged_once_a_story_and_the_checkout_is_untouched(
    world: World, name: str, repository: Path
) -> None:
    before = git_lines(repository, "status", "--porcelain=v2", "--branch")
    run = await world.start(TWO, project=name, repository=repository, agents=scripted())
    async with world.workers():
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    branch = f"paceline/{name}/sprint"
    assert merges(repository, branch) == [
        f"{name}/sprint/epic-2/story-2.1",
        f"{name}/sprint/epic-1/story-1.1",
    ]
    assert git_lines(repository, "show", f"{branch}:b.txt") == ["Story 2.1: Piece 2.1 (Builder)"]
    assert git_lines(repository, "status", "--porcelain=v2", "--branch") == before
    assert not [path for path in world.settings.worktree_root.glob("*/*/*") if (path / ".git").exists()]
    status = await world.status(run.id)
    commits = set(git_lines(repository, "log", "--merges", "--format=%H", branch))
    assert {story.merge_commit for story in status.stories} == commits


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        ("nonsense", "AGENT_NONSENSE"),
        ("exit", "AGENT_EXIT"),
        ("hang", "AGENT_TIMEOUT"),
        ("unclaimed", "UNCLAIMED_CHANGE"),
        ("no-change", "EMPTY_DIFF"),
    ],
)
async def test_a_bad_agent_fails_typed_and_bounded_and_then_a_person_is_asked(
    world: World, name: str, repository: Path, behaviour: str, code: str
) -> None:
    agents = scripted("--behave", behaviour, max_attempts=2, timeout=1.5)
    run = await world.start(
        plan(E("1", [S("1.1", files=("a.txt",))])), project=name, repository=repository, agents=agents
    )
    async with world.workers():
        question = await world.question(run.id)
        assert question.kind is QuestionKind.TAKE_OVER
        ended = [event for event in await world.events(run.id) if event.name == "attempt.ended"]
        assert [event.data["code"] for event in ended] == [code, code]
        await world.answer(question, Decision.REJECT)
        result = await world.result(run.id)
    assert result.state is RunState.INCOMPLETE
    assert result.counts == {StoryState.FAILED: 1}
    row = (await world.status(run.id)).stories[0]
    assert (row.state, row.reason_code) == (StoryState.FAILED, code)
    assert merges(repository, f"paceline/{name}/sprint") == []
    preserved = git_lines(repository, "for-each-ref", "--format=%(refname)", "refs/paceline/preserved")
    assert bool(preserved) == (behaviour == "unclaimed")


async def test_a_second_attempt_can_succeed(world: World, name: str, repository: Path) -> None:
    agents = scripted("--behave", "exit", "--until-attempt", "1")
    run = await world.start(TWO, project=name, repository=repository, agents=agents)
    async with world.workers():
        result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 2}
    assert [story.attempt for story in (await world.status(run.id)).stories] == [2, 2]


async def test_a_failing_check_keeps_work_off_the_branch_and_in_a_preserved_ref(
    world: World, name: str, repository: Path
) -> None:
    text = plan(E("1", [S("1.1", files=("a.txt",), checks=("test -f never.txt",)), S("1.2", "Story 1.1")]))
    run = await world.start(text, project=name, repository=repository, agents=scripted(max_attempts=1))
    async with world.workers():
        question = await world.question(run.id)
        await world.answer(question, Decision.REJECT)
        result = await world.result(run.id)
    assert result.counts == {StoryState.FAILED: 1, StoryState.BLOCKED: 1}
    states = {story.id: story for story in (await world.status(run.id)).stories}
    assert states["Story 1.1"].reason_code == "CHECK_FAILED"
    assert states["Story 1.2"].reason == "depends on Story 1.1, which did not succeed"
    kept = f"refs/paceline/preserved/{name}/story-1.1/1"
    assert git_lines(repository, "show", f"{kept}:a.txt") == ["Story 1.1: Piece 1.1 (Builder)"]


async def test_contending_stories_both_merge(world: World, name: str, repository: Path) -> None:
    stories = [S(f"1.{number}", files=("shared.txt", f"{number}.txt")) for number in range(1, 5)]
    run = await world.start(
        plan(E("1", stories)), project=name, repository=repository, agents=scripted(), max_parallel=4
    )
    async with world.workers():
        result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 4}
    lines = git_lines(repository, "show", f"paceline/{name}/sprint:shared.txt")
    assert sorted(line for line in lines if line) == [
        f"Story 1.{number}: Piece 1.{number} (Builder)" for number in range(1, 5)
    ]
