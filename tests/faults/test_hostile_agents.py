"""Agents that do harm in the folders and the repository they reach: typed, bounded, and nobody else pays."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from paceline.domain.events import Event
from paceline.domain.questions import Decision, QuestionKind
from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.store import claims
from tests.sample_plans import E, S, plan
from tests.world import World, git_lines, scripted

pytestmark = pytest.mark.temporal

DONE = 'echo \'{"outcome": "done", "summary": "ok"}\' > "$PACELINE_WORK_RESULT"'
USER = '"$(sed "s,/objects$,," "$(git rev-parse --git-dir)/objects/info/alternates")"'
"""The user's repository, as an agent finds it that looks for it."""
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
    "a filter that fails": f"d={USER}; git --git-dir=$d config filter.bad.clean false; "
    "git --git-dir=$d config filter.bad.required true; "
    f"echo '* filter=bad' > .gitattributes; echo a > a.txt; {DONE}",
    "a lock in the repository": f"touch {USER}/packed-refs.lock; echo a > a.txt; {DONE}",
    "hooks": f'd={USER}/hooks; mkdir -p "$d"; '
    "for h in reference-transaction post-checkout pre-commit; do "
    f'printf "#!/bin/sh\\nexit 1\\n" > "$d/$h"; chmod +x "$d/$h"; done; echo a > a.txt; {DONE}',
    "everything git can throw away": "echo b > x; git add x; git commit -qm x; git stash; "
    "git branch -D main; git reflog expire --expire=now --all; git gc -q --prune=now; git worktree prune; "
    "git checkout -q --detach; git branch | grep work | xargs git branch -D; "
    f"echo a > a.txt; {DONE}",
    "pipes and links": "mkfifo .gitignore .gitattributes pipe; ln -s / root; ln -s loop loop; "
    f"rm root loop; echo a > a.txt; {DONE}",
    "another branch": f"git checkout -q -b mine; echo a > a.txt; git add a.txt; git commit -qm x; {DONE}",
}


@pytest.mark.parametrize("script", HARM.values(), ids=HARM.keys())
async def test_harm_ends_with_a_merge_or_a_question_and_others_go_on(
    world: World, name: str, repository: Path, script: str
) -> None:
    # What reaches for the user's repository must do no harm either where nothing keeps it from there.
    sandbox = "off" if USER in script else "auto"
    run = await world.start(
        TEXT, project=name, repository=repository, agents=_agents(script), sandbox=sandbox
    )
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
        f"export GIT_DIR={USER}; old=$(git rev-parse {branch}); "
        f"new=$(printf '%s' '{forged}' | git -c user.name=m -c user.email=m@x commit-tree "
        f'"$old^{{tree}}" -p "$old" -p "$old"); git update-ref refs/heads/{branch} "$new"; '
        f'echo "$new $(git rev-parse {branch})" > a.txt; unset GIT_DIR; {DONE}'
    )
    text = plan(
        E("1", [S("1.1", agent="Mallory", files=("a.txt",)), S("1.2", "Story 1.1", files=("b.txt",))]),
        agents=("Builder", "Mallory"),
    )
    run = await world.start(text, project=name, repository=repository, agents=_agents(script), sandbox="off")
    async with world.workers():
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    forgery, found = git_lines(repository, "show", f"{branch}:a.txt")[0].split()
    assert forgery == found, "the agent did not get at the branch"
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


def processes_with(token: str) -> list[str]:
    """Command lines of living processes that name the token."""
    found: list[str] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if token in line:
            found.append(line)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="daemons are found through /proc")
async def test_no_process_of_an_agent_outlives_its_attempt(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    token = f"daemon-of-{name}"
    loop = f"trap '' TERM HUP INT; while :; do echo {token} >> {tmp_path}/written; sleep 0.05; done"
    ways = ("setsid", "nohup", "env -i setsid", "setsid nohup setsid")
    quiet = "> /dev/null 2>&1 < /dev/null"
    started = "; ".join(f'({way} /bin/sh -c "{loop}" {quiet} &)' for way in ways)
    text = plan(E("1", [S("1.1", agent="Mallory", files=("a.txt",))]), agents=("Mallory",))
    waits = f"while [ ! -s {tmp_path}/written ]; do sleep 0.02; done"
    run = await world.start(
        text,
        project=name,
        repository=repository,
        agents=_agents(f"{started}; {waits}; echo a > a.txt; {DONE}"),
    )
    async with world.workers():
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    assert (tmp_path / "written").exists()
    assert processes_with(token) == []


@pytest.mark.parametrize(
    ("script", "files"),
    [
        ("dd if=/dev/zero of=a.txt bs=1M count=20 2> /dev/null; sleep 600", 10**6),
        (f"i=0; while [ $i -lt 400 ]; do : > f$i; i=$((i+1)); done; {DONE}", 200),
        (f"dd if=/dev/urandom of=x bs=1M count=20 2> /dev/null; git add x; rm x; {DONE}", 10**6),
    ],
    ids=["a huge file", "many small files", "hidden in the object store"],
)
async def test_an_agent_that_fills_the_disk_is_stopped(
    world: World, name: str, repository: Path, script: str, files: int
) -> None:
    world.settings.worktree_disk_quota = 10_000_000
    world.settings.worktree_file_quota = files
    run = await world.start(TEXT, project=name, repository=repository, agents=_agents(script))
    async with world.workers():
        question = await world.question(run.id)
        assert question.context["code"] == "DISK_QUOTA"
        await world.answer(question, Decision.REJECT)
        await world.result(run.id)
    states = {row.id: row.state for row in (await world.status(run.id)).stories}
    assert (states["Story 1.1"], states["Story 1.2"]) == (StoryState.FAILED, StoryState.MERGED)
    assert not list(world.settings.worktree_root.glob("p-*/*"))


async def test_what_an_agent_writes_elsewhere_is_in_nobodys_merge(
    world: World, name: str, repository: Path
) -> None:
    """Without a sandbox nothing keeps it out; what it writes there is not what is merged."""
    neighbours = '"$(dirname "$PACELINE_WORKTREE")"'
    script = f"u={USER}; echo stray > $u/../stray.txt; echo x > {neighbours}/stray; echo a > a.txt; {DONE}"
    run = await world.start(TEXT, project=name, repository=repository, agents=_agents(script), sandbox="off")
    async with world.workers():
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    assert (repository / "stray.txt").read_text() == "stray\n", "Paceline touched the checkout"
    merged = git_lines(repository, "ls-tree", "--name-only", f"paceline/{name}/sprint")
    assert merged == ["README.md", "a.txt", "b.txt"]
    told = await _checkout_changes(world, name)
    assert {path for event in told for path in event.data["paths"]} == {"stray.txt"}
    assert all("Story 1.1 attempt 1" in event.data["attempts"] for event in told)


async def _checkout_changes(world: World, name: str) -> list[Event]:
    return [event for event in await world.events(name) if event.name == "checkout.changed"]


async def test_what_changes_in_the_users_checkout_is_told_with_all_who_ran(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    """Two agents run at once; one edits a file, a branch, a setting and a hook of the user's."""
    both = (
        f"touch {tmp_path}/$PPID.here; while [ $(ls {tmp_path} | grep -c here) -lt 2 ]; do sleep 0.02; done"
    )
    harm = (
        f"d={USER}; echo evil >> $d/../README.md; git --git-dir=$d branch evil; "
        "git --git-dir=$d config alias.x evil; echo evil > $d/hooks/post-merge; chmod +x $d/hooks/post-merge"
    )
    late = f"while [ ! -e {tmp_path}/done ]; do sleep 0.02; done"
    agents = _agents(f"{both}; {harm}; touch {tmp_path}/done; echo a > a.txt; {DONE}")
    innocent = AgentDeclaration(
        kind="command", command=["/bin/sh", "-c", f"{both}; {late}; echo b > b.txt; {DONE}"]
    )
    run = await world.start(
        TEXT, project=name, repository=repository, agents={**agents, "*": innocent}, sandbox="off"
    )
    async with world.workers():
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    told = await _checkout_changes(world, name)
    expected = {".git/config", ".git/hooks/post-merge", ".git/refs/heads/evil"}
    assert expected <= set(told[0].data["paths"])
    for event in told:
        assert event.data["attempts"] == ["Story 1.1 attempt 1", "Story 1.2 attempt 1"]
        assert event.story is None, "nobody is blamed"
    assert (repository / "README.md").read_text() == "A small repository.\nevil\n", "nothing is undone"
    assert "evil" not in "".join(git_lines(repository, "show", f"paceline/{name}/sprint:README.md"))


async def test_a_checkout_that_nobody_touched_is_not_talked_about(
    world: World, name: str, repository: Path
) -> None:
    (repository / "untracked.txt").write_text("mine\n")
    run = await world.start(
        TEXT, project=name, repository=repository, agents=_agents(f"echo a > a.txt; {DONE}")
    )
    async with world.workers():
        assert (await world.result(run.id)).state is RunState.COMPLETED
    assert await _checkout_changes(world, name) == []


async def test_a_file_put_into_a_neighbours_worktree_does_not_merge_unclaimed(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    """The neighbour's attempt fails, as nobody can say who wrote it; its next one is clean and merges."""
    theirs = '"$(dirname "$PACELINE_WORKTREE")"/*1.2-1*'
    waits = f"while [ ! -e {tmp_path}/ready ]; do sleep 0.02; done"
    agents = _agents(
        f"{waits}; echo x > $(echo {theirs})/foreign.txt; touch {tmp_path}/done; echo a > a.txt; {DONE}"
    )
    stays = f"touch {tmp_path}/ready; while [ ! -e {tmp_path}/done ]; do sleep 0.02; done"
    neighbour = AgentDeclaration(
        kind="command", command=["/bin/sh", "-c", f"{stays}; echo b > b.txt; {DONE}"]
    )
    run = await world.start(
        TEXT, project=name, repository=repository, agents={**agents, "*": neighbour}, sandbox="off"
    )
    async with world.workers():
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    ended = [event for event in await world.events(name) if event.name == "attempt.ended"]
    assert [(event.story, event.data["code"]) for event in ended] == [("Story 1.2", "UNCLAIMED_CHANGE")]
    merged = git_lines(repository, "ls-tree", "--name-only", f"paceline/{name}/sprint")
    assert merged == ["README.md", "a.txt", "b.txt"]


@pytest.mark.parametrize(
    ("setup", "code"), [("echo no network; exit 3", "exited with 3"), ("echo x > made.txt", "made.txt")]
)
async def test_a_set_up_that_fails_costs_no_agent(
    world: World, name: str, repository: Path, tmp_path: Path, setup: str, code: str
) -> None:
    (repository / "paceline.toml").write_text(f'[worktrees]\nsetup = "{setup}"\n')
    text = plan(E("1", [S("1.1", agent="Mallory", files=("a.txt",))]), agents=("Mallory",))
    agents = _agents(f"touch {tmp_path}/paid; {DONE}")
    run = await world.start(text, project=name, repository=repository, agents=agents)
    async with world.workers():
        question = await world.question(run.id)
        assert question.context["code"] == "WORKTREE_SETUP"
        assert code in str(question.context)
        await world.answer(question, Decision.REJECT)
        await world.result(run.id)
    assert not (tmp_path / "paid").exists()


async def test_a_set_up_fills_a_cache_that_the_next_attempt_finds(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    setup = f"if [ -e deps/x ]; then echo found >> {tmp_path}/log; else mkdir deps; echo 1 > deps/x; fi"
    (repository / "paceline.toml").write_text(f"[worktrees]\nsetup = '{setup}'\nreuse = ['deps']\n")
    (repository / ".git/info/exclude").write_text("deps/\n")
    script = f"cp deps/x a.txt; cp deps/x b.txt; echo evil > deps/x; {DONE}"
    text = plan(
        E(
            "1",
            [S("1.1", agent="Mallory", files=("a.txt", "b.txt")), S("1.2", "Story 1.1", files=("b.txt",))],
        ),
        agents=("Builder", "Mallory"),
    )
    run = await world.start(text, project=name, repository=repository, agents=_agents(script))
    async with world.workers():
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    assert (tmp_path / "log").read_text() == "found\n"
    cached = list(world.settings.worktree_root.glob(".paceline/caches/*/deps/x"))
    assert [each.read_text() for each in cached] == ["1\n"]
