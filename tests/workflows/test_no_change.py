"""A story that may change nothing is done without a merge where its checks pass on the branch's head."""

from __future__ import annotations

import json
import shlex
import zipfile
from pathlib import Path

import pytest

from paceline.domain.proof import Proof, Verdict
from paceline.domain.questions import Decision, QuestionKind
from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.store import artifacts, claims, proofs
from tests.sample_plans import E, S, plan
from tests.world import World, git_lines, scripted

pytestmark = pytest.mark.temporal


def one(check: str = "test -f README.md", *, approval: bool = False, change: str = "none expected") -> str:
    """A plan with a story that looks whether something is so."""
    first = S("1.1", files=("a.txt",), checks=(check,), change=change, approval=approval)
    return plan(E("1", [first]))


IDLE = scripted("--behave", "no-change")


def head_of(repository: Path, project: str) -> str:
    return git_lines(repository, "rev-parse", f"paceline/{project}/sprint")[0]


async def stored(world: World, project: str) -> list[Proof]:
    return await world.database.read(proofs.proofs_of, project, "Story 1.1")


async def test_it_settles_with_proofs_of_the_head_and_its_dependants_start(
    world: World, name: str, repository: Path
) -> None:
    text = plan(
        E(
            "1",
            [
                S("1.1", files=("a.txt",), checks=("test -f README.md", "test ! -e a.txt"), change="none"),
                S("1.2", "Story 1.1", agent="Writer", files=("b.txt",), checks=("test -f b.txt",)),
            ],
        ),
        agents=("Builder", "Writer"),
    )
    agents = {"Builder": IDLE["*"], "Writer": scripted()["*"]}
    base = git_lines(repository, "rev-parse", "HEAD")[0]
    run = await world.start(text, project=name, repository=repository, agents=agents)
    async with world.workers():
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    assert result.counts == {StoryState.SETTLED: 1, StoryState.MERGED: 1}
    first, second = (await world.status(run.id)).stories
    assert (first.state, first.reason_code, first.merge_commit) == (StoryState.SETTLED, "NO_CHANGE", None)
    assert first.reason == (
        f"It needed no change, which its plan allows: proven on {base[:12]} of paceline/{name}/sprint."
    )
    assert second.reason_code is None
    branch = f"paceline/{name}/sprint"
    assert git_lines(repository, "log", "--merges", "--format=%H", branch) == [second.merge_commit]
    found = await stored(world, run.id)
    assert [(each.verdict, each.command, each.commit) for each in found if each.kind == "check"] == [
        (Verdict.PASSED, "test -f README.md", base),
        (Verdict.PASSED, "test ! -e a.txt", base),
    ]
    by_name = {event.name: event for event in await world.events(run.id) if event.story == "Story 1.1"}
    assert "merge.made" not in by_name
    assert "story.merged" not in by_name
    assert by_name["no_change.proven"].data["commit"] == base
    assert by_name["story.settled"].data["code"] == "NO_CHANGE"
    [kept] = await world.database.read(artifacts.list_artifacts, run.id, "Story 1.1", "evidence")
    evidence = json.loads((world.settings.artifact_root / kept.path).read_text())
    assert (evidence["unchanged"], evidence["base"], evidence["candidate"]) == (True, base, base)
    assert await world.database.read(claims.list_claims) == []
    assert not [path for path in world.settings.worktree_root.glob("*/*/*") if (path / ".git").exists()]


async def test_the_bundle_tells_people_what_it_was_proven_on(
    world: World, name: str, repository: Path
) -> None:
    run = await world.start(one(), project=name, repository=repository, agents=IDLE)
    async with world.workers():
        result = await world.result(run.id)
    assert result.counts == {StoryState.SETTLED: 1}
    [bundle] = await world.database.read(artifacts.list_artifacts, run.id, None, "bundle")
    with zipfile.ZipFile(world.settings.artifact_root / bundle.path) as archive:
        summary = archive.read("documentation/project-summary.md").decode()
        first_page = archive.read("README.md").decode()
    assert "| Story 1.1 | Piece 1.1 | settled | no change |" in first_page
    commit = git_lines(repository, "rev-parse", "HEAD")[0][:12]
    assert f"settled, 1 attempt, no change, proven on `{commit}`." in summary
    assert "- passed: test -f README.md" in summary


async def test_a_failing_check_is_a_failed_attempt_as_any_other(
    world: World, name: str, repository: Path
) -> None:
    agents = scripted("--behave", "no-change", max_attempts=2)
    run = await world.start(one("test -f never.txt"), project=name, repository=repository, agents=agents)
    async with world.workers():
        question = await world.question(run.id)
        assert question.kind is QuestionKind.TAKE_OVER
        ended = [event for event in await world.events(run.id) if event.name == "attempt.ended"]
        assert [event.data["code"] for event in ended] == ["CHECK_FAILED", "CHECK_FAILED"]
        assert "on the head of the sprint's branch" in str(ended[0].data["reason"])
        await world.answer(question, Decision.REJECT)
        result = await world.result(run.id)
    assert result.counts == {StoryState.FAILED: 1}
    verdicts = [each.verdict for each in await stored(world, run.id) if each.kind == "check"]
    assert verdicts == [Verdict.FAILED], "on the one commit that both looked at"


async def test_a_second_attempt_that_changes_something_merges(
    world: World, name: str, repository: Path
) -> None:
    agents = scripted("--behave", "no-change", "--until-attempt", "1")
    run = await world.start(one("test -f a.txt"), project=name, repository=repository, agents=agents)
    async with world.workers():
        result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 1}
    row = (await world.status(run.id)).stories[0]
    assert (row.attempt, row.merge_commit, row.reason_code) == (2, head_of(repository, name), None)


@pytest.mark.parametrize("change", ["", "required"])
async def test_without_the_permission_it_is_an_empty_diff(
    world: World, name: str, repository: Path, change: str
) -> None:
    agents = scripted("--behave", "no-change", max_attempts=1)
    run = await world.start(one(change=change), project=name, repository=repository, agents=agents)
    async with world.workers():
        await world.answer(await world.question(run.id), Decision.REJECT)
        result = await world.result(run.id)
    assert result.counts == {StoryState.FAILED: 1}
    assert (await world.status(run.id)).stories[0].reason_code == "EMPTY_DIFF"


async def test_with_nothing_to_prove_it_the_agents_word_is_not_enough(
    world: World, name: str, repository: Path
) -> None:
    text = "# Bakery\n\n## Story 1.1: Look\n\n- **Agent**: Ada\n- **Files**: `a.txt`\n- **Change**: none\n"
    agents = scripted("--behave", "no-change", max_attempts=1)
    run = await world.start(text, project=name, repository=repository, agents=agents)
    async with world.workers():
        await world.answer(await world.question(run.id), Decision.REJECT)
        result = await world.result(run.id)
    assert result.counts == {StoryState.FAILED: 1}
    row = (await world.status(run.id)).stories[0]
    assert row.reason_code == "EMPTY_DIFF"
    assert "neither a check nor a criterion" in (row.reason or "")


@pytest.mark.parametrize(
    ("approval", "kind"), [(True, QuestionKind.APPROVE_MERGE), (False, QuestionKind.CONFIRM_CRITERIA)]
)
async def test_people_are_asked_as_before_a_merge(
    world: World, name: str, repository: Path, approval: bool, kind: QuestionKind
) -> None:
    options = {"criteria": "record" if approval else "person"}
    run = await world.start(
        one(approval=approval), project=name, repository=repository, agents=IDLE, **options
    )
    async with world.workers():
        question = await world.question(run.id)
        assert question.kind is kind
        assert "needed no change" in question.text
        assert "nothing to merge" in question.text
        assert question.context["commit"] == head_of(repository, name)
        assert (await world.status(run.id)).stories[0].state is StoryState.WAITING_FOR_PERSON
        await world.answer(question, Decision.APPROVE, actor="grace")
        result = await world.result(run.id)
    assert result.counts == {StoryState.SETTLED: 1}
    criterion = next(each for each in await stored(world, run.id) if each.kind == "criterion")
    assert (criterion.verdict, criterion.by) == (Verdict.CONFIRMED, "grace")


async def test_a_reviewer_sees_the_head_and_no_difference(world: World, name: str, repository: Path) -> None:
    said = json.dumps(
        {"outcome": "done", "summary": "looked", "advice": [{"number": 1, "met": True, "note": "seen"}]}
    )
    looks = (
        "import json, os, sys; asked = json.load(open(os.environ['PACELINE_WORK_ORDER']))['review']; "
        "sys.exit(asked['base'] != asked['commit'])"
    )
    script = f"python3 -c {shlex.quote(looks)} && printf '%s' {shlex.quote(said)} > \"$PACELINE_WORK_RESULT\""
    critic = AgentDeclaration(kind="command", command=["/bin/sh", "-c", script])
    run = await world.start(
        one(),
        project=name,
        repository=repository,
        agents=IDLE | {"Critic": critic},
        criteria="reviewer",
        reviewer="Critic",
    )
    async with world.workers():
        result = await world.result(run.id)
    assert result.counts == {StoryState.SETTLED: 1}
    criterion = next(each for each in await stored(world, run.id) if each.kind == "criterion")
    assert (criterion.verdict, criterion.note) == (Verdict.ADVISED, "seen")
