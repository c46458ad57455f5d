"""What a story does when its branch went on without it, and what happens to a branch that others moved."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from activities.context import ActivityContext
from paceline.domain.questions import Decision, QuestionKind
from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.store import merge_line
from tests.sample_plans import E, S, plan
from tests.world import World, git_lines

pytestmark = pytest.mark.temporal


class Gate:
    """An agent whose every attempt writes its own lines, after its gate was opened."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def agents(self) -> dict[str, AgentDeclaration]:
        """One that appends to `a.txt`, and writes `b.txt`."""
        script = (
            'n=$(python3 -c \'import json,sys; print(json.load(open(sys.argv[1]))["attempt"])\' "$1"); '
            'cp "$1" "$0/order-$n"; while [ ! -e "$0/open-$n" ]; do sleep 0.05; done; '
            'echo "agent $n" >> a.txt; [ -e b.txt ] || echo b > b.txt; '
            'echo \'{"outcome": "done", "summary": "did it"}\' > "$2"'
        )
        command = ["/bin/sh", "-c", script, str(self._folder), "{order}", "{result}"]
        return {"*": AgentDeclaration(kind="command", command=command, concurrency=9)}

    def open(self, attempt: int) -> None:
        """Let an attempt write and end."""
        (self._folder / f"open-{attempt}").touch()

    async def works(self, world: World, attempt: int) -> dict[str, Any]:
        """Wait for an attempt's agent; its work order."""
        order = self._folder / f"order-{attempt}"

        async def there() -> bool:
            return order.exists() and bool(order.read_text().strip())

        await world.until(there, f"the agent of attempt {attempt}")
        return json.loads(order.read_text())


def commit_on(repository: Path, branch: str, path: str, text: str) -> str:
    """A commit on a branch that changes one file, made without a checkout; the branch is not moved."""
    head = git_lines(repository, "rev-parse", branch)[0]
    stream = (
        "commit refs/test/other\ncommitter Test <test@localhost> 1700000000 +0000\ndata 14\nAnother change\n"
        f"from {head}\nM 100644 inline {path}\ndata {len(text)}\n{text}\n"
    )
    command = ["git", "fast-import", "--quiet", "--force"]
    subprocess.run(command, cwd=repository, input=stream.encode(), check=True)
    return git_lines(repository, "rev-parse", "refs/test/other")[0]


async def move(world: World, project: str, repository: Path, commit: str) -> None:
    """Bring a commit onto the branch as Paceline would: the branch and what is written down of it."""
    branch = f"paceline/{project}/sprint"
    git_lines(repository, "update-ref", f"refs/heads/{branch}", commit)
    run = await ActivityContext(world.database, world.settings, world.client).run(project)
    await world.database.write(merge_line.note_head, run.line(branch), commit)


async def test_a_conflict_is_resolved_by_the_agent_from_what_applied(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    gate, branch = Gate(tmp_path), f"paceline/{name}/sprint"
    text = plan(E("1", [S("1.1", files=("a.txt", "b.txt"))]))
    run = await world.start(text, project=name, repository=repository, agents=gate.agents())
    async with world.workers():
        await gate.works(world, 1)
        await move(world, run.id, repository, commit_on(repository, branch, "a.txt", "other\n"))
        gate.open(1)
        order = await gate.works(world, 2)
        gate.open(2)
        result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 1}
    conflict = order["conflict"]
    assert conflict["paths"] == ["a.txt"]
    assert "+agent 1" in conflict["story_changed"]
    assert "+other" in conflict["branch_changed"]
    assert "other" in conflict["hunks"]["a.txt"]
    assert [each["subject"] for each in conflict["merged"]] == ["Another change"]
    assert git_lines(repository, "show", f"{branch}:a.txt") == ["other", "agent 2"]
    assert git_lines(repository, "show", f"{branch}:b.txt") == ["b"], "what applied was carried over"
    assert not [each for each in await world.events(run.id) if each.name == "question.asked"]
    (session,) = [each for each in await world.events(run.id) if each.name == "conflict.session"]
    assert (session.story, session.data["attempt"], session.data["paths"]) == ("Story 1.1", 2, ["a.txt"])
    assert session.data["agents"] == [session.data["resolves"]], "nobody of the run made the other change"


async def test_a_conflict_that_stays_is_a_question_with_hunks(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    gate, branch = Gate(tmp_path), f"paceline/{name}/sprint"
    text = plan(E("1", [S("1.1", files=("a.txt", "b.txt"))]))
    run = await world.start(
        text, project=name, repository=repository, agents=gate.agents(), conflict_attempts=0
    )
    async with world.workers():
        await gate.works(world, 1)
        await move(world, run.id, repository, commit_on(repository, branch, "a.txt", "other\n"))
        gate.open(1)
        question = await world.question(run.id)
        assert question.kind is QuestionKind.RESOLVE_CONFLICT
        assert question.context["paths"] == "a.txt"
        assert "other" in question.context["hunks"]
        assert "agent 1" in question.context["hunks"]
        await world.answer(question, Decision.AMEND, "Keep both lines.")
        order = await gate.works(world, 2)
        assert order["amendments"] == ["Keep both lines."]
        gate.open(2)
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED


async def test_a_branch_that_somebody_moved_is_put_back_and_what_was_there_is_kept(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    gate, branch = Gate(tmp_path), f"paceline/{name}/sprint"
    text = plan(E("1", [S("1.1", files=("a.txt", "b.txt"))]))
    run = await world.start(text, project=name, repository=repository, agents=gate.agents())
    async with world.workers():
        await gate.works(world, 1)
        began = git_lines(repository, "rev-parse", branch)[0]
        foreign = commit_on(repository, branch, "foreign.txt", "not claimed by anybody\n")
        git_lines(repository, "update-ref", f"refs/heads/{branch}", foreign)
        gate.open(1)
        result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 1}
    assert sorted(git_lines(repository, "ls-tree", "--name-only", branch)) == ["README.md", "a.txt", "b.txt"]
    (told,) = [each for each in await world.events(run.id) if each.name == "branch.restored"]
    assert (told.data["found"], told.data["restored_to"]) == (foreign, began)
    assert git_lines(repository, "rev-parse", str(told.data["kept"])) == [foreign]


async def test_a_deleted_branch_is_there_again(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    gate, branch = Gate(tmp_path), f"paceline/{name}/sprint"
    text = plan(E("1", [S("1.1", files=("a.txt", "b.txt"))]))
    run = await world.start(text, project=name, repository=repository, agents=gate.agents())
    async with world.workers():
        await gate.works(world, 1)
        git_lines(repository, "branch", "--quiet", "-D", branch)
        gate.open(1)
        result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 1}
    assert git_lines(repository, "show", f"{branch}:a.txt") == ["agent 1"]
