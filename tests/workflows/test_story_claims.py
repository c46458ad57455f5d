"""Claims that grow by what agents need, rules for files of others, and what everybody may see of it."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from paceline.domain.claims import DecisionRecord
from paceline.domain.questions import Decision, QuestionKind
from paceline.domain.states import StoryState
from paceline.domain.status import StoryStatus
from paceline.domain.work import AgentDeclaration
from paceline.store import claim_decisions, claims
from tests.sample_plans import E, S, plan
from tests.world import ROOT, World, git_lines, open_world
from workers.api_server import bind, serving, url_of
from workers.temporal_server import EmbeddedServer

pytestmark = pytest.mark.temporal

BLOCKED = {"outcome": "blocked", "summary": "one more file"}
OWNED = "\n## Agent-Specific Resources\n- **Owner**: `other.txt`\n"


@dataclass
class Script:
    """What the agent does at each attempt of each story."""

    folder: Path

    def agents(self, **fields: object) -> dict[str, AgentDeclaration]:
        """Every agent does what is written here."""
        command = [sys.executable, str(ROOT / "tests" / "wishing_agent.py"), str(self.folder)]
        base = AgentDeclaration(kind="command", command=command, concurrency=10)
        return {"*": base.model_copy(update=fields)}

    def at(self, story: str, attempt: int, **todo: Any) -> None:
        """Write down what an attempt does."""
        (self.folder / f"Story {story}-{attempt}.json").write_text(json.dumps(todo))

    def order(self, story: str, attempt: int) -> dict[str, Any]:
        """The work order of an attempt that began."""
        return json.loads((self.folder / f"Story {story}-{attempt}.order").read_text())

    def answer(self, story: str, attempt: int) -> dict[str, Any]:
        """What an attempt was told when it asked."""
        return json.loads((self.folder / f"Story {story}-{attempt}.answer").read_text())


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Nothing written yet: every attempt changes what is claimed."""
    folder = tmp_path / "script"
    folder.mkdir()
    return Script(folder)


@pytest_asyncio.fixture
async def asked(tmp_path: Path, temporal_server: EmbeddedServer) -> AsyncGenerator[World]:
    """A world with an API that agents can ask."""
    async with open_world(tmp_path / "home", temporal_server.address, api_port=0) as world:
        with bind(world.settings) as listener:
            world.settings = world.settings.model_copy(update={"api_url": url_of(listener)})
            async with serving(listener, world.database, world.client, world.settings):
                yield world


async def rows(world: World, project: str) -> dict[str, StoryStatus]:
    """Where the stories stand, by their short ids."""
    return {row.id.removeprefix("Story "): row for row in (await world.status(project)).stories}


async def decisions(world: World, project: str) -> list[DecisionRecord]:
    """What was decided about the run's claims."""
    return await world.database.read(claim_decisions.decisions_of, project)


def merged_files(repository: Path, project: str) -> list[str]:
    """Paths on the sprint's branch."""
    return git_lines(repository, "ls-tree", "-r", "--name-only", f"paceline/{project}/sprint")


# Growth at the end of an attempt ---


@pytest.mark.parametrize("outcome", ["blocked", "done"])
async def test_the_next_attempt_has_the_file_that_was_missing_and_the_work_that_was_done(
    world: World, name: str, repository: Path, script: Script, outcome: str
) -> None:
    script.at("1.1", 1, write=["a.txt"], result={**BLOCKED, "outcome": outcome, "needs_files": ["b.txt"]})
    script.at("1.1", 2, write=["b.txt"])
    run = await world.start(
        plan(E("1", [S("1.1", files=("a.txt",))])),
        project=name,
        repository=repository,
        agents=script.agents(max_attempts=1),
    )
    async with world.workers():
        assert (await world.result(run.id)).counts == {StoryState.MERGED: 1}
    assert script.order("1.1", 2)["claimed"] == ["a.txt", "b.txt"]
    assert git_lines(repository, "show", f"paceline/{name}/sprint:a.txt") == ["Story 1.1-1"]
    assert git_lines(repository, "show", f"paceline/{name}/sprint:b.txt") == ["Story 1.1-2"]
    kinds = [each.kind for each in await decisions(world, run.id)]
    assert kinds == ["granted", "grown", "released"]
    grown = next(each for each in await decisions(world, run.id) if each.kind == "grown")
    assert [need.resource for need in grown.needs] == ["file:b.txt"]


async def test_a_path_that_was_not_grown_by_is_refused_as_before(
    world: World, name: str, repository: Path, script: Script
) -> None:
    script.at("1.1", 1, write=["a.txt"], result={**BLOCKED, "needs_files": ["b.txt"]})
    script.at("1.1", 2, write=["b.txt", "c.txt"])
    run = await world.start(
        plan(E("1", [S("1.1", files=("a.txt",))])),
        project=name,
        repository=repository,
        agents=script.agents(max_attempts=1),
    )
    async with world.workers():
        question = await world.question(run.id)
        assert question.kind is QuestionKind.TAKE_OVER
        assert question.context["code"] == "UNCLAIMED_CHANGE"
        assert "c.txt" in question.text
        await world.answer(question, Decision.REJECT)
        await world.result(run.id)
    assert merged_files(repository, name) == ["README.md"]


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../up.txt", ".git/config", "a/../b", "*.py", "", "dir/", "a\nb"]
)
async def test_a_hostile_wish_is_a_failed_attempt(
    world: World, name: str, repository: Path, script: Script, path: str
) -> None:
    script.at("1.1", 1, write=["a.txt"], result={**BLOCKED, "needs_files": [path]})
    run = await world.start(
        plan(E("1", [S("1.1", files=("a.txt",))])),
        project=name,
        repository=repository,
        agents=script.agents(max_attempts=1),
    )
    async with world.workers():
        question = await world.question(run.id)
        assert (question.kind, question.context["code"]) == (QuestionKind.TAKE_OVER, "AGENT_NONSENSE")
        await world.answer(question, Decision.REJECT)
        await world.result(run.id)
    assert [each.kind for each in await decisions(world, run.id)] == ["granted", "reduced", "released"]


async def test_a_wish_waits_for_the_story_that_has_the_file(
    world: World, name: str, repository: Path, script: Script, tmp_path: Path
) -> None:
    begun, go = tmp_path / "begun", tmp_path / "go"
    script.at("1.1", 1, wait_for=str(begun), write=["a.txt"], result={**BLOCKED, "needs_files": ["b.txt"]})
    script.at("1.2", 1, touch=str(begun), wait_for=str(go), write=["b.txt"])
    run = await world.start(
        plan(E("1", [S("1.1", files=("a.txt",)), S("1.2", files=("b.txt",))])),
        project=name,
        repository=repository,
        agents=script.agents(),
    )
    async with world.workers():

        async def waits() -> bool:
            live = await world.database.read(claims.list_claims)
            return any(each.state == "waiting" and each.held for each in live)

        await world.until(waits, "the first story waiting for the second one's file")
        go.touch()
        assert (await world.result(run.id)).counts == {StoryState.MERGED: 2}
    assert git_lines(repository, "show", f"paceline/{name}/sprint:b.txt") == ["Story 1.2-1", "Story 1.1-2"]


async def test_of_two_that_want_each_others_file_the_younger_goes_back_and_both_merge(
    world: World, name: str, repository: Path, script: Script, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    script.at(
        "1.1", 1, touch=str(first), wait_for=str(second), write=["a.txt"],
        result={**BLOCKED, "needs_files": ["b.txt"]},
    )  # fmt: skip
    script.at(
        "1.2", 1, touch=str(second), wait_for=str(first), write=["b.txt"],
        result={**BLOCKED, "needs_files": ["a.txt"]},
    )  # fmt: skip
    run = await world.start(
        plan(E("1", [S("1.1", files=("a.txt",)), S("1.2", files=("b.txt",))])),
        project=name,
        repository=repository,
        agents=script.agents(max_attempts=1),
    )
    async with world.workers():
        assert (await world.result(run.id)).counts == {StoryState.MERGED: 2}
    retreated = [each.story or "" for each in await decisions(world, run.id) if each.kind == "retreated"]
    assert len(retreated) == 1
    young = retreated[0].removeprefix("Story ")
    old, made, late = ("1.1", "a", "b") if young == "1.2" else ("1.2", "b", "a")
    sprint, kept = f"paceline/{name}/sprint", f"refs/paceline/preserved/{name}"
    text = git_lines(repository, "show", f"{sprint}:{made}.txt")
    assert text == [f"Story {old}-1", f"Story {old}-2", f"Story {young}-2"]
    assert git_lines(repository, "show", f"{kept}/story-{young}/1:{late}.txt") == [f"Story {young}-1"]
    assert script.order(young, 2)["conflict"]["paths"] == [f"{late}.txt"], "both made the file"
    (session,) = [each for each in await world.events(run.id) if each.name == "conflict.session"]
    assert session.data["stories"] == [f"Story {young}", f"Story {old}"]
    assert session.data["resolves"] in session.data["agents"]


# Growth while the agent works ---


async def test_an_agent_gets_a_free_file_at_once(
    asked: World, name: str, repository: Path, script: Script
) -> None:
    script.at("1.1", 1, ask=["b.txt"], write=["a.txt", "b.txt"])
    run = await asked.start(
        plan(E("1", [S("1.1", files=("a.txt",))])),
        project=name,
        repository=repository,
        agents=script.agents(),
    )
    async with asked.workers():
        assert (await asked.result(run.id)).counts == {StoryState.MERGED: 1}
    told = script.answer("1.1", 1)
    assert told["status"] == 0, told["err"]
    assert json.loads(told["out"])["claimed"] == ["a.txt", "b.txt"]
    assert {"a.txt", "b.txt"} <= set(merged_files(repository, name))
    assert (await rows(asked, run.id))["1.1"].attempt == 1
    assert "claim.growth" in [event.name for event in await asked.events(run.id)]


async def test_an_agent_that_has_to_wait_finishes_without_and_its_wish_is_taken_back(
    asked: World, name: str, repository: Path, script: Script, tmp_path: Path
) -> None:
    begun, go = tmp_path / "begun", tmp_path / "go"
    script.at("1.1", 1, wait_for=str(begun), ask=["b.txt"], write=["a.txt"])
    script.at("1.2", 1, touch=str(begun), wait_for=str(go), write=["b.txt"])
    run = await asked.start(
        plan(E("1", [S("1.1", files=("a.txt",)), S("1.2", files=("b.txt",))])),
        project=name,
        repository=repository,
        agents=script.agents(),
    )
    async with asked.workers():

        async def merged() -> bool:
            return (await rows(asked, run.id))["1.1"].state is StoryState.MERGED

        await asked.until(merged, "the story that finished without the file")
        go.touch()
        assert (await asked.result(run.id)).counts == {StoryState.MERGED: 2}
    told = script.answer("1.1", 1)
    assert (told["status"], json.loads(told["out"])["state"]) == (3, "waiting")


async def test_a_run_may_refuse_growth(asked: World, name: str, repository: Path, script: Script) -> None:
    script.at("1.1", 1, ask=["b.txt"], write=["a.txt"], result={**BLOCKED, "needs_files": ["b.txt"]})
    run = await asked.start(
        plan(E("1", [S("1.1", files=("a.txt",))])),
        project=name,
        repository=repository,
        agents=script.agents(),
        growth="refuse",
    )
    async with asked.workers():
        question = await asked.question(run.id)
        assert question.kind is QuestionKind.ANSWER_AGENT
        assert "b.txt" in question.text
        await asked.answer(question, Decision.REJECT)
        await asked.result(run.id)
    told = script.answer("1.1", 1)
    assert told["status"] == 1
    assert "lets no claim grow" in told["err"]


async def test_a_run_may_ask_a_person_about_growth(
    world: World, name: str, repository: Path, script: Script
) -> None:
    script.at("1.1", 1, write=["a.txt"], result={**BLOCKED, "needs_files": ["b.txt"]})
    run = await world.start(
        plan(E("1", [S("1.1", files=("a.txt",))])),
        project=name,
        repository=repository,
        agents=script.agents(),
        growth="ask",
    )
    async with world.workers():
        question = await world.question(run.id)
        assert question.kind is QuestionKind.CONFIRM_GROWTH
        await world.answer(question, Decision.AMEND, "one line only")
        assert (await world.result(run.id)).counts == {StoryState.MERGED: 1}
    order = script.order("1.1", 2)
    assert (order["claimed"], order["amendments"]) == (["a.txt", "b.txt"], ["one line only"])


# Files of other agents ---


def owned_plan() -> str:
    """A plan in which another agent owns what the only story changes."""
    return plan(E("1", [S("1.1", files=("other.txt",))]), agents=("Builder", "Owner")) + OWNED


async def test_a_foreign_file_is_allowed_and_recorded_by_default(
    world: World, name: str, repository: Path, script: Script
) -> None:
    run = await world.start(owned_plan(), project=name, repository=repository, agents=script.agents())
    async with world.workers():
        assert (await world.result(run.id)).counts == {StoryState.MERGED: 1}
    made = [each for each in await decisions(world, run.id) if each.kind == "arbitrated"]
    assert [(each.actor, each.needs[0].resource) for each in made] == [("rule", "file:other.txt")]


@pytest.mark.parametrize("decision", [Decision.APPROVE, Decision.AMEND, Decision.REJECT])
async def test_a_person_is_asked_about_a_foreign_file_before_it_is_claimed(
    world: World, name: str, repository: Path, script: Script, decision: Decision
) -> None:
    run = await world.start(
        owned_plan(), project=name, repository=repository, agents=script.agents(), foreign_edits="ask"
    )
    async with world.workers():
        question = await world.question(run.id)
        assert question.kind is QuestionKind.CONFIRM_FOREIGN_EDIT
        assert "Owner" in question.text
        assert await world.database.read(claims.list_claims) == []
        await world.answer(question, decision, "mind the header" if decision is Decision.AMEND else "")
        await world.result(run.id)
    row = (await rows(world, run.id))["1.1"]
    made = [each.actor for each in await decisions(world, run.id) if each.kind == "arbitrated"]
    if decision is Decision.REJECT:
        assert (row.state, row.reason_code, made) == (StoryState.FAILED, "FOREIGN_FILE", [])
        return
    assert (row.state, made) == (StoryState.MERGED, ["ada"])
    wanted = ["mind the header"] if decision is Decision.AMEND else []
    assert script.order("1.1", 1)["amendments"] == wanted


@pytest.mark.parametrize("at", ["first", "growth"])
async def test_a_foreign_file_that_the_rule_refuses_ends_the_story(
    world: World, name: str, repository: Path, script: Script, at: str
) -> None:
    text = owned_plan()
    if at == "growth":
        text = text.replace("Modified**: `other.txt`", "Modified**: `a.txt`")
        script.at("1.1", 1, write=["a.txt"], result={**BLOCKED, "needs_files": ["other.txt"]})
    run = await world.start(
        text, project=name, repository=repository, agents=script.agents(), foreign_edits="refuse"
    )
    async with world.workers():
        assert (await world.result(run.id)).counts == {StoryState.FAILED: 1}
    row = (await rows(world, run.id))["1.1"]
    assert row.reason_code == "FOREIGN_FILE"
    assert "belongs to Owner" in (row.reason or "")
    assert await world.database.read(claims.list_claims) == []
