"""Agents behind a sandbox: the how-to's templates with a stand-in, and a real process namespace."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from paceline.domain.states import RunState
from paceline.domain.work import AgentDeclaration
from tests.faults.test_hostile_agents import TEXT, processes_with
from tests.world import ROOT, World, git_lines, scripted

pytestmark = pytest.mark.temporal

HOW_TO = ROOT / "docs" / "how-to" / "coding-agents.md"
STAND_IN = """#!/bin/sh
# Notes what it would mount, and runs the command that stands behind its own options.
echo "$@" >> {log}
while [ "$1" != my-agent ]; do shift; done
shift
exec "$@"
"""
WORK = """#!/bin/sh
echo "$(git rev-parse --git-dir) $(cat "$(git rev-parse --git-dir)/objects/info/alternates")" > {log}.git
echo a > a.txt
git add a.txt && git -c user.name=a -c user.email=a@b commit -qm own
"""
NAMESPACE = ["unshare", "--map-current-user", "--pid", "--kill-child", "--mount-proc"]


def _templates() -> dict[str, AgentDeclaration]:
    """The declarations of the how-to, by the program that they start."""
    blocks = re.findall(r"```toml\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    tables = [tomllib.loads(block)["agents"]["*"] for block in blocks if "{objects}" in block]
    return {
        each["command"][0]: AgentDeclaration.model_validate({"kind": "command", **each}) for each in tables
    }


@pytest.mark.parametrize("program", ["bwrap", "docker"])
async def test_the_template_mounts_what_an_agent_needs_and_no_more(
    world: World, name: str, repository: Path, tmp_path: Path, program: str
) -> None:
    log, agent, sandbox = tmp_path / "log", tmp_path / "agent", tmp_path / program
    sandbox.write_text(STAND_IN.format(log=log))
    agent.write_text(WORK.format(log=log))
    for file in (sandbox, agent):
        file.chmod(0o755)
    template = _templates()[program]
    command = [str(sandbox), *template.command[1:]]
    command.insert(command.index("my-agent") + 1, str(agent))
    mallory = template.model_copy(update={"command": command})
    run = await world.start(
        TEXT, project=name, repository=repository, agents=scripted() | {"Mallory": mallory}
    )
    async with world.workers():
        assert (await world.result(run.id)).state is RunState.COMPLETED
    assert git_lines(repository, "show", f"paceline/{name}/sprint:a.txt") == ["a"]
    words = log.read_text().replace(":", " ").split()
    git, objects = Path(f"{log}.git").read_text().split()
    home = str(world.settings.home)
    mounted = {word for word in words if word.startswith((home, str(repository)))}
    run_folder = str(world.settings.artifact_root / name / "stories/story-1.1/attempt-1/run")
    worktree = next(word for word in mounted if word.endswith("1.1-1"))
    assert mounted == {git, objects, run_folder, worktree, f"{run_folder}/prompt.md"}
    assert objects == str(repository / ".git/objects")


def _has_namespaces() -> bool:
    if sys.platform != "linux":
        return False
    try:
        return subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not _has_namespaces(), reason="this machine lets nobody make a process namespace")
async def test_an_agent_in_a_process_namespace_kills_nobody_and_leaves_nothing(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    token = f"daemon-of-{name}"
    loop = f"trap '' TERM HUP INT; while :; do echo {token} > {tmp_path}/written; sleep 0.05; done"
    script = (
        f'env -i setsid /bin/sh -c "{loop}" > /dev/null 2>&1 < /dev/null & '
        f"while [ ! -s {tmp_path}/written ]; do sleep 0.02; done; "
        f"ls -d /proc/[0-9]* | wc -l > {tmp_path}/seen; echo a > a.txt; "
        'echo \'{"outcome": "done", "summary": "ok"}\' > "$PACELINE_WORK_RESULT"; '
        "trap '' TERM; kill -TERM -1; exit 0"
    )
    # Root makes no user namespace inside of one without the capability for it.
    mallory = AgentDeclaration(
        kind="command", command=[*NAMESPACE, "/bin/sh", "-c", script], max_attempts=1, sandbox="off"
    )
    run = await world.start(
        TEXT, project=name, repository=repository, agents=scripted() | {"Mallory": mallory}
    )
    async with world.workers():
        assert (await world.result(run.id)).state is RunState.COMPLETED
    assert int((tmp_path / "seen").read_text()) < 10, "the agent saw processes of others"
    assert processes_with(token) == []
