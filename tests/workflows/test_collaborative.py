"""Stories that several agents do together: by turns in one worktree, merged once."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from paceline.domain.states import StoryState
from paceline.domain.work import AgentDeclaration
from paceline.store import artifacts
from tests.sample_plans import E, S, plan
from tests.world import World, git_lines

pytestmark = pytest.mark.temporal

TEXT = plan(
    E("1", [S("1.1", agent="Ann + Bob + Cid", files=("a.txt",))]), agents=("Ann", "Bob", "Cid", "Dora")
)
SIGN = """
echo "$NAME after $(wc -l < a.txt 2>/dev/null || echo 0)" >> a.txt
echo "$NAME" >> {log}
result='{"outcome": "done", "summary": "%s signed", "tokens": 7, "cost_usd": 0.5}'
printf "$result" "$NAME" > "$PACELINE_WORK_RESULT"
"""
ASK = """
echo "$NAME" >> {log}
printf '{"outcome": "needs_person", "question": "how?"}' > "$PACELINE_WORK_RESULT"
"""


def _agents(log: Path, **scripts: str) -> dict[str, AgentDeclaration]:
    return {
        name: AgentDeclaration(
            kind="command",
            command=[
                "sh",
                "-c",
                f"NAME={name}\n{scripts.get(name, SIGN).replace('{log}', str(log))}",
                "sh",
                "{order}",
                "{prompt}",
            ],
            sandbox="off",
            max_attempts=1,
        )
        for name in ("Ann", "Bob", "Cid")
    }


async def test_each_works_once_on_what_the_others_left_and_it_merges_once(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    run = await world.start(TEXT, project=name, repository=repository, agents=_agents(log))
    async with world.workers():
        result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 1}
    assert git_lines(repository, "show", f"paceline/{name}/sprint:a.txt") == [
        "Ann after 0",
        "Bob after 1",
        "Cid after 2",
    ]
    assert log.read_text().split() == ["Ann", "Bob", "Cid"]
    events = await world.events(run.id)
    (started,) = [event for event in events if event.name == "attempt.started"]
    assert started.data["agents"] == ["Ann", "Bob", "Cid"]
    ran = [event.data for event in events if event.name == "agent.ran"]
    assert [(each["agent"], each["run"], each["tokens"], each["cost_usd"]) for each in ran] == [
        ("Ann", "run", 7, 0.5),
        ("Bob", "run-2", 7, 0.5),
        ("Cid", "run-3", 7, 0.5),
    ]
    assert all(each["attempt"] == 1 and each["outcome"] == "done" and each["seconds"] > 0 for each in ran)
    (row,) = (await world.status(run.id)).stories
    assert row.summary == "Ann: Ann signed\nBob: Bob signed\nCid: Cid signed"
    orders = [
        (world.settings.artifact_root / each.path).read_text()
        for each in await world.database.read(artifacts.list_artifacts, run.id)
        if each.kind == "work-order"
    ]
    assert len(orders) == 3
    assert sum("Ann: Ann signed" in order for order in orders) == 2


async def test_who_is_not_done_ends_the_attempt(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    run = await world.start(TEXT, project=name, repository=repository, agents=_agents(log, Bob=ASK))
    async with world.workers():
        question = await world.question(run.id)
    assert "how?" in question.text
    assert log.read_text().split() == ["Ann", "Bob"]


async def test_a_run_may_let_the_lead_do_it(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    run = await world.start(
        TEXT, project=name, repository=repository, agents=_agents(log), collaboration="lead"
    )
    async with world.workers():
        assert (await world.result(run.id)).counts == {StoryState.MERGED: 1}
    assert log.read_text().split() == ["Ann"]


LEAD = """
echo "$NAME" >> {log}
echo "line $(wc -l < {log})" >> a.txt
cp "$1" {log}.order-$(grep -c Ann {log})
printf '{"outcome": "done", "summary": "worked"}' > "$PACELINE_WORK_RESULT"
"""
STRICT = """
echo "$NAME" >> {log}
cp "$2" {log}.prompt-$NAME
echo "my own idea" >> a.txt
echo "mine" > stray.txt
if [ "$(wc -l < a.txt)" -lt 3 ]; then
  printf '{"outcome": "done", "approved": false, "summary": "One *more* line."}' > "$PACELINE_WORK_RESULT"
else
  printf '{"outcome": "done", "approved": true, "summary": "Good."}' > "$PACELINE_WORK_RESULT"
fi
"""
CONTENT = """
echo "$NAME" >> {log}
printf '{"outcome": "done", "approved": true}' > "$PACELINE_WORK_RESULT"
"""
NEVER = """
echo "$NAME" >> {log}
printf '{"outcome": "done", "approved": false, "summary": "Not yet."}' > "$PACELINE_WORK_RESULT"
"""
CRASH = """
echo "$NAME" >> {log}
exit 3
"""


async def test_reviews_go_to_the_lead_word_for_word_until_all_approve_and_it_merges_once(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    run = await world.start(
        TEXT,
        project=name,
        repository=repository,
        agents=_agents(log, Ann=LEAD, Bob=STRICT, Cid=CONTENT),
        collaboration="review",
    )
    async with world.workers():
        assert (await world.result(run.id)).counts == {StoryState.MERGED: 1}
    assert log.read_text().split() == ["Ann", "Bob", "Cid", "Ann", "Bob", "Cid"]
    # What the reviewer wrote was put back before anybody went on, and is in no commit.
    assert git_lines(repository, "show", f"paceline/{name}/sprint:a.txt") == ["line 1", "line 4"]
    assert "stray.txt" not in git_lines(repository, "ls-tree", "--name-only", f"paceline/{name}/sprint")
    events = await world.events(run.id)
    made = [event.data for event in events if event.name == "review.made"]
    assert [(each["round"], each["approved"], each["dropped"]) for each in made] == [
        (1, False, ["a.txt", "stray.txt"]),
        (1, True, []),
        (2, True, ["a.txt", "stray.txt"]),
        (2, True, []),
    ]
    second = json.loads((tmp_path / "log.order-2").read_text())
    assert [(each["agent"], each["text"]) for each in second["reviews"]] == [
        ("Bob", "One *more* line."),
        ("Cid", ""),
    ]
    prompts = [path.read_text() for path in world.settings.artifact_root.rglob("run-2/prompt.md")]
    assert len(prompts) == 1
    assert "One *more* line." in prompts[0]
    (row,) = (await world.status(run.id)).stories
    assert (row.attempt, "Bob approved" in (row.summary or "")) == (1, True)
    assert sum(event.name == "merge.made" for event in events) == 1


async def test_the_rounds_are_bounded_and_a_review_that_fails_stops_nothing(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    run = await world.start(
        TEXT,
        project=name,
        repository=repository,
        agents=_agents(log, Ann=LEAD, Bob=NEVER, Cid=CRASH),
        collaboration="review",
        review_rounds=2,
    )
    async with world.workers():
        assert (await world.result(run.id)).counts == {StoryState.MERGED: 1}
    assert log.read_text().split() == ["Ann", "Bob", "Cid", "Ann", "Bob", "Cid"]
    (row,) = (await world.status(run.id)).stories
    assert "Bob did not approve: Not yet." in (row.summary or "")
    assert "Cid did not review" in (row.summary or "")


TOGETHER = plan(E("1", [S("1.1", agent="Ann", files=("a.txt",))]), agents=("Ann", "Bob", "Cid")) + (
    "\n\n## Execution Phases\n\n### Phase 1: Together (Days 1-3)\n**Mode**: Collaborative Execution\n"
    "- **All Agents**: Story 1.1\n- **Bob**: Sweep the yard\n"
)


async def test_all_agents_of_a_collaborative_step_do_its_story_and_a_step_without_one_is_not_carried_out(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    run = await world.start(TOGETHER, project=name, repository=repository, agents=_agents(log))
    async with world.workers():
        result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 1}
    assert log.read_text().split() == ["Ann", "Bob", "Cid"]
    events = await world.events(run.id)
    working = {
        event.data["agent"]
        for event in events
        if event.name == "agent.status" and event.data["state"] == "WORKING"
    }
    assert working == {"Ann", "Bob", "Cid"}
    (bundle,) = await world.database.read(artifacts.list_artifacts, run.id, None, "bundle")
    with zipfile.ZipFile(world.settings.artifact_root / bundle.path) as found:
        (name,) = [each for each in found.namelist() if each.endswith("/project-summary.md")]
        summary = found.read(name).decode()
    assert "nobody carried them out" in summary
    assert "Sweep the yard (Bob)" in summary
