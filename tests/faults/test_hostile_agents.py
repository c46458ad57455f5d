"""Agents that do harm in the folders and the repository they reach: typed, bounded, and nobody else pays."""

from __future__ import annotations

from pathlib import Path

import pytest

from paceline.domain.questions import Decision, QuestionKind
from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.store import claims
from tests.sample_plans import E, S, plan
from tests.world import World, git_lines, scripted

pytestmark = pytest.mark.temporal

DONE = 'echo \'{"outcome": "done", "summary": "ok"}\' > "$PACELINE_WORK_RESULT"'
RUN_FOLDER = '"$(dirname "$PACELINE_WORK_RESULT")"'


def _agents(script: str, **fields: object) -> dict[str, AgentDeclaration]:
    """The hostile one does story 1.1, the scripted one the others."""
    hostile = AgentDeclaration(kind="command", command=["/bin/sh", "-c", script], max_attempts=1)
    return scripted() | {"Mallory": hostile.model_copy(update=fields)}


TEXT = plan(
    E("1", [S("1.1", agent="Mallory", files=("a.txt",)), S("1.2", files=("b.txt",))]),
    agents=("Builder", "Mallory"),
)

HARM = {
    "order is a pipe": f"echo a > a.txt; cd {RUN_FOLDER}; rm order.json; mkfifo order.json; {DONE}",
    "order is gone": f"echo a > a.txt; {DONE}; rm {RUN_FOLDER}/order.json",
    "output is a pipe": f"echo a > a.txt; {DONE}; cd {RUN_FOLDER}; rm stderr; mkfifo stderr; exit 3",
    "worktree is gone": f'{DONE}; rm -rf "$PACELINE_WORKTREE"',
    "git is gone": f"echo a > a.txt; rm -rf .git; {DONE}",
    "a name git refuses": f"echo a > a.txt; mkdir -p x/.GIT; echo x > x/.GIT/config; {DONE}",
    "a short name of git": f"echo a > a.txt; echo x > git~1; {DONE}",
    "a link out of the worktree": f"ln -s /etc/passwd a.txt; {DONE}",
    "a folder in place of the file": f"mkdir a.txt; echo x > a.txt/x; {DONE}",
    "a filter that fails": "git config filter.bad.clean false; git config filter.bad.required true; "
    f"echo '* filter=bad' > .gitattributes; echo a > a.txt; {DONE}",
    "a lock in the repository": 'touch "$(git rev-parse --git-common-dir)/packed-refs.lock"; '
    f"echo a > a.txt; {DONE}",
    "hooks": 'd="$(git rev-parse --git-common-dir)/hooks"; mkdir -p "$d"; '
    "for h in reference-transaction post-checkout pre-commit; do "
    f'printf "#!/bin/sh\\nexit 1\\n" > "$d/$h"; chmod +x "$d/$h"; done; echo a > a.txt; {DONE}',
    "another branch": f"git checkout -q -b mine; echo a > a.txt; git add a.txt; git commit -qm x; {DONE}",
}


@pytest.mark.parametrize("script", HARM.values(), ids=HARM.keys())
async def test_harm_ends_with_a_merge_or_a_question_and_others_go_on(
    world: World, name: str, repository: Path, script: str
) -> None:
    run = await world.start(TEXT, project=name, repository=repository, agents=_agents(script))
    async with world.workers():

        async def decided() -> bool:
            row = (await world.status(run.id)).stories[0]
            return row.state in (StoryState.MERGED, StoryState.WAITING_FOR_PERSON)

        await world.until(decided, "the hostile agent's story merged or a person asked")
        if (await world.status(run.id)).stories[0].state is StoryState.WAITING_FOR_PERSON:
            question = await world.question(run.id)
            assert question.kind in (QuestionKind.TAKE_OVER, QuestionKind.LANDING_BLOCKED)
            assert question.context["code"]
            await world.answer(question, Decision.REJECT)
        result = await world.result(run.id)
    states = {row.id: row.state for row in (await world.status(run.id)).stories}
    assert states["Story 1.2"] is StoryState.MERGED, result
    assert await world.database.read(claims.list_claims) == []


async def test_a_forged_trailer_is_nobodys_merge(world: World, name: str, repository: Path) -> None:
    """An agent moves the sprint's branch to a merge that claims to be another story's."""
    branch = f"paceline/{name}/sprint"
    forged = f"Merge\n\nPaceline-Story: {name}/sprint/epic-1/story-1.2\nPaceline-Attempt: 1\n"
    script = (
        f"old=$(git rev-parse {branch}); "
        f"new=$(printf '%s' '{forged}' | git -c user.name=m -c user.email=m@x commit-tree "
        f'"$old^{{tree}}" -p "$old" -p "$old"); git update-ref refs/heads/{branch} "$new"; '
        f"echo a > a.txt; {DONE}"
    )
    text = plan(
        E("1", [S("1.1", agent="Mallory", files=("a.txt",)), S("1.2", "Story 1.1", files=("b.txt",))]),
        agents=("Builder", "Mallory"),
    )
    run = await world.start(text, project=name, repository=repository, agents=_agents(script))
    async with world.workers():
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    assert git_lines(repository, "show", f"{branch}:b.txt"), "the story's own work is not on the branch"


async def test_a_forged_report_does_not_get_past_the_claim(world: World, name: str, repository: Path) -> None:
    """A finished attempt's record, written by the agent itself and found after a crash."""
    foreign = repository / "b.txt"
    foreign.write_text("foreign\n")
    git_lines(repository, "checkout", "-q", "-b", "side")
    git_lines(repository, "add", "b.txt")
    git_lines(repository, "-c", "user.name=m", "-c", "user.email=m@x", "commit", "-qm", "x")
    commit = git_lines(repository, "rev-parse", "HEAD")[0]
    git_lines(repository, "checkout", "-q", "main")
    text = plan(E("1", [S("1.1", agent="Mallory", files=("a.txt",))]), agents=("Mallory",))
    run = await world.start(text, project=name, repository=repository, agents=_agents(DONE))
    folder = world.settings.artifact_root / name / "stories" / "story-1.1" / "attempt-1"
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(f'{{"outcome": "done", "commit": "{commit}"}}')
    async with world.workers():
        question = await world.question(run.id)
        assert question.context["code"] == "UNCLAIMED_CHANGE"
        await world.answer(question, Decision.REJECT)
        await world.result(run.id)
    assert git_lines(repository, "ls-tree", "--name-only", f"paceline/{name}/sprint") == ["README.md"]
