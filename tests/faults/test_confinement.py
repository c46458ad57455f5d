"""Agents that reach for what is not theirs, and the system that refuses it; and machines that cannot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from paceline.domain.events import Event
from paceline.domain.questions import Decision
from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.errors import SandboxUnavailable
from paceline.store import claims
from tests.faults.test_hostile_agents import DONE, TEXT, USER
from tests.sample_plans import E, S, plan
from tests.world import World, git_lines, scripted

pytestmark = pytest.mark.temporal

ONE = plan(E("1", [S("1.1", agent="Mallory", files=("a.txt",))]), agents=("Mallory",))
RECORDS = '"$(dirname "$(git rev-parse --git-dir)")"'


def _agent(script: str, **fields: object) -> AgentDeclaration:
    whole = AgentDeclaration(kind="command", command=["/bin/sh", "-c", script], max_attempts=1)
    return whole.model_copy(update=fields)


def _tries(*commands: str) -> str:
    """Does each of them, and delivers how many the system let through."""
    counted = "".join(f"if ({command}) 2>> refusals; then n=$((n+1)); fi\n" for command in commands)
    return f"n=0\n{counted}cat refusals >&2; rm -f refusals; echo $n > a.txt; {DONE}"


def _look(folder: Path) -> dict[str, bytes | str]:
    """Every file below a folder with its content, and every other thing with its kind."""
    found: dict[str, bytes | str] = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place) / name
            plain = path.is_file() and not path.is_symlink()
            found[str(path.relative_to(folder))] = path.read_bytes() if plain else f"{path.lstat().st_mode:o}"
    return found


async def _named(world: World, project: str, event: str) -> list[Event]:
    return [each for each in await world.events(project) if each.name == event]


CHECKOUT = (
    f"echo evil >> {USER}/../README.md",
    f"echo evil > {USER}/../new.txt",
    f"rm {USER}/../README.md",
    f"mv {USER}/../README.md {USER}/../moved.md",
    f"chmod 777 {USER}/../README.md",
    f"ln {USER}/../README.md hard && echo evil >> hard",
    f"ln -s {USER}/../README.md soft; echo evil >> soft; e=$?; rm soft; exit $e",
    f"echo evil >> /proc/$(cut -d' ' -f4 /proc/$PPID/stat)/root$(realpath {USER}/..)/README.md",
)
GIT = (
    f"git --git-dir={USER} update-ref refs/heads/evil HEAD",
    f"git --git-dir={USER} config alias.x evil",
    f"git --git-dir={USER} update-ref -d refs/heads/main",
    f"mkdir -p {USER}/hooks && echo evil > {USER}/hooks/post-merge",
    f"echo evil > {USER}/objects/info/alternates",
    f"rm -rf {USER}/objects/??",
    f"touch {USER}/packed-refs.lock",
)
HOME = (
    'echo evil >> "$PACELINE_HOME_OF_TEST/paceline.db"',
    'rm -f "$PACELINE_HOME_OF_TEST/paceline.db"',
    'echo evil > "$PACELINE_HOME_OF_TEST/paceline.db-journal"',
    'echo evil > "$PACELINE_HOME_OF_TEST/artifacts/evil"',
    'echo evil > "$(dirname "$PACELINE_WORK_RESULT")/../report.json"',
    'echo evil > "$(dirname "$PACELINE_WORKTREE")/evil"',
    f"echo evil > {RECORDS}/attempt.json",
    'mv "$PACELINE_WORKTREE" "$PACELINE_WORKTREE.mine"',
)
WAYS_OUT = (
    f"mount -o remount,rw,bind {USER}/..",
    f"umount {USER}/..",
    f"unshare --user --map-root-user --mount umount {USER}/..",
    "unshare --mount true",
    "chroot / true",
)


@pytest.mark.usefixtures("bubblewrap")
@pytest.mark.parametrize(
    "commands", [CHECKOUT, GIT, HOME, WAYS_OUT], ids=["the checkout", "git", "paceline's home", "ways out"]
)
async def test_the_system_refuses_what_is_not_the_agents(
    world: World,
    name: str,
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    commands: tuple[str, ...],
) -> None:
    monkeypatch.setenv("PACELINE_HOME_OF_TEST", str(world.settings.home))
    mallory = _agent(_tries(*commands), environment=["PACELINE_HOME_OF_TEST"])
    before = _look(repository)
    git_before = git_lines(repository, "for-each-ref", "refs/heads/main")
    run = await world.start(
        ONE, project=name, repository=repository, agents={"*": mallory}, sandbox="required"
    )
    async with world.workers():
        assert (await world.result(run.id)).state is RunState.COMPLETED
    branch = f"paceline/{name}/sprint"
    assert git_lines(repository, "show", f"{branch}:a.txt") == ["0"], "the system let some of it through"
    assert git_lines(repository, "ls-tree", "--name-only", branch) == ["README.md", "a.txt"]
    after = _look(repository)
    theirs = [path for path in before if not path.startswith(".git/") or "/hooks" in path or "config" in path]
    assert [path for path in theirs if before[path] != after.get(path)] == []
    assert {path for path in after.keys() - before.keys() if not path.startswith(".git/")} == set()
    assert git_lines(repository, "for-each-ref", "refs/heads/main") == git_before
    assert await _named(world, name, "checkout.changed") == []
    (started,) = await _named(world, name, "attempt.started")
    told = {"attempt": 1, "agent": "Mallory", "agents": ["Mallory"], "confined": True}
    assert started.data == told


def _neighbours(tmp_path: Path, *more: str) -> dict[str, AgentDeclaration]:
    """One waits with its work half done until the other has tried to write into it, and done more."""
    theirs = '$(echo "$(dirname "$PACELINE_WORKTREE")"/*1.2-1)'
    before = f"theirs={theirs}; records=$(dirname {RECORDS})/$(basename $theirs)\n"
    mallory = before + _tries("echo evil > $theirs/b.txt", *more)
    waits = f"while [ ! -s {tmp_path}/ready ]; do sleep 0.02; done"
    stays = (
        f"echo good > b.txt; echo $$ > {tmp_path}/ready.part; mv {tmp_path}/ready.part {tmp_path}/ready; "
        f"while [ ! -e {tmp_path}/done ]; do sleep 0.02; done"
    )
    return {
        "Mallory": _agent(f"{waits}\n{mallory}; touch {tmp_path}/done"),
        "*": _agent(f"{stays}; {DONE}"),
    }


@pytest.mark.usefixtures("bubblewrap")
async def test_a_neighbour_that_works_is_out_of_reach(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    agents = _neighbours(
        tmp_path,
        f"echo evil > /proc/$(cat {tmp_path}/ready)/root$theirs/b.txt",
        "echo evil > $records/git/HEAD",
        "rm $records/attempt.json",
    )
    run = await world.start(TEXT, project=name, repository=repository, agents=agents)
    async with world.workers():
        assert (await world.result(run.id)).state is RunState.COMPLETED
    branch = f"paceline/{name}/sprint"
    assert git_lines(repository, "show", f"{branch}:b.txt") == ["good"]
    assert git_lines(repository, "show", f"{branch}:a.txt") == ["0"]
    assert await _named(world, name, "attempt.ended") == []
    assert await _named(world, name, "agents.unconfined") == []


async def test_without_a_sandbox_what_a_neighbour_wrote_merges_as_ones_own(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    """What the sandbox is for: nobody can tell who wrote a claimed file."""
    run = await world.start(
        TEXT, project=name, repository=repository, agents=_neighbours(tmp_path), sandbox="off"
    )
    async with world.workers():
        assert (await world.result(run.id)).state is RunState.COMPLETED
    assert git_lines(repository, "show", f"paceline/{name}/sprint:b.txt") == ["evil"]
    assert [each.data["confined"] for each in await _named(world, name, "attempt.started")] == [False, False]
    assert await _named(world, name, "agents.unconfined") == [], "who switched it off knows"


@pytest.mark.usefixtures("bubblewrap")
async def test_an_agents_word_goes_before_the_repositorys(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    (repository / "paceline.toml").write_text('[worktrees]\nsandbox = "off"\n')
    script = f"echo x > {USER}/../x.txt; for f in a b; do [ -e $f ] || echo x > $f.txt; done; {DONE}"
    files = ("a.txt", "b.txt")
    text = plan(
        E("1", [S("1.1", agent="Mallory", files=files), S("1.2", "Story 1.1", files=files)]),
        agents=("Builder", "Mallory"),
    )
    agents = {"Mallory": _agent(script, sandbox="auto"), "*": _agent(f"echo 2 > a.txt; {DONE}")}
    run = await world.start(text, project=name, repository=repository, agents=agents)
    assert run.options.sandbox == "off"
    async with world.workers():
        assert (await world.result(run.id)).state is RunState.COMPLETED
    assert not (repository / "x.txt").exists()
    confined = {each.story: each.data["confined"] for each in await _named(world, name, "attempt.started")}
    assert confined == {"Story 1.1": True, "Story 1.2": False}


@pytest.mark.usefixtures("bubblewrap")
async def test_checks_and_set_ups_are_confined_too(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    """Both run what agents wrote."""
    reach = f"! echo evil > {repository}/evil.txt"
    (repository / "paceline.toml").write_text(f'[worktrees]\nsetup = "{reach} && : > {tmp_path}/set-up"\n')
    check = f"{reach} && ! echo evil > {world.settings.home}/evil && echo 1 > made && : > {tmp_path}/checked"
    mallory = _agent(f"echo a > a.txt; {DONE}", checks=[check])
    run = await world.start(ONE, project=name, repository=repository, agents={"*": mallory})
    async with world.workers():
        assert (await world.result(run.id)).state is RunState.COMPLETED
    assert (tmp_path / "set-up").exists()
    assert (tmp_path / "checked").exists()
    assert not (repository / "evil.txt").exists()
    assert not (world.settings.home / "evil").exists()


# Machines that cannot ---


def _stand_in(folder: Path, script: str) -> str:
    """A PATH on which another program is found under the name of bubblewrap."""
    folder.mkdir()
    program = folder / "bwrap"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


FAILS = "echo 'bwrap: No permissions to create new namespace' >&2; exit 1"
PRETENDS = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"'


@pytest.mark.parametrize("script", [FAILS, PRETENDS], ids=["it fails", "it confines nobody"])
async def test_where_it_does_not_work_a_run_goes_on_and_says_so_once(
    world: World, name: str, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setenv("PATH", _stand_in(tmp_path / "bin", script))
    run = await world.start(TEXT, project=name, repository=repository, agents=scripted())
    async with world.workers():
        assert (await world.result(run.id)).state is RunState.COMPLETED
    (told,) = await _named(world, name, "agents.unconfined")
    assert "does not work here" in told.data["reason"]
    assert [each.data["confined"] for each in await _named(world, name, "attempt.started")] == [False, False]


async def test_where_it_is_required_and_does_not_work_nothing_starts(
    world: World, name: str, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", _stand_in(tmp_path / "bin", FAILS))
    (repository / "paceline.toml").write_text('[worktrees]\nsandbox = "required"\n')
    with pytest.raises(SandboxUnavailable, match="No permissions to create new namespace"):
        await world.start(TEXT, project=name, repository=repository, agents=scripted())
    (repository / "paceline.toml").unlink()
    with pytest.raises(SandboxUnavailable):
        await world.start(TEXT, project=name, repository=repository, agents=scripted(sandbox="required"))
    assert git_lines(repository, "for-each-ref", "refs/heads/paceline", "refs/paceline") == []


@pytest.mark.usefixtures("bubblewrap")
async def test_a_worker_that_cannot_do_what_is_required_pays_no_agent(
    world: World, name: str, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run was accepted on another machine."""
    mallory = _agent(f"touch {tmp_path}/paid; {DONE}")
    run = await world.start(
        ONE, project=name, repository=repository, agents={"*": mallory}, sandbox="required"
    )
    monkeypatch.setenv("PATH", _stand_in(tmp_path / "bin", FAILS))
    async with world.workers():
        question = await world.question(run.id)
        assert question.context["code"] == "SANDBOX_UNAVAILABLE"
        await world.answer(question, Decision.REJECT)
        await world.result(run.id)
    assert not (tmp_path / "paid").exists()
    assert (await world.status(run.id)).stories[0].state is StoryState.FAILED
    assert await world.database.read(claims.list_claims) == []
