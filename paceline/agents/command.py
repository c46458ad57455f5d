"""The command agent: any executable that takes a work order and leaves a work result and a diff."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from paceline.agents.confinement import Confinement
from paceline.agents.environment import allowed_environment
from paceline.agents.outputs import Failure, read_outcome
from paceline.agents.prompt import render_prompt
from paceline.agents.supervised import Heartbeat, RunExit, RunSpec, look, run_supervised
from paceline.domain.work import AgentDeclaration, WorkOrder, WorkResult
from paceline.observe.context import bound
from paceline.observe.tracing import span, traceparent

_GLOB = re.compile(r"[*?\[]")
_PLACEHOLDER = re.compile(r"\{(order|result|worktree|prompt|run|git|objects)\}")
_LONGEST_LINK = 10_000


class Timings(Protocol):
    """The part of the settings that a run needs; seconds."""

    @property
    def agent_grace(self) -> float: ...
    @property
    def adoption_grace(self) -> float: ...


@dataclass(frozen=True)
class RunFiles:
    """The files of an agent's run, all in its folder."""

    folder: Path

    @property
    def order(self) -> Path:
        return self.folder / "order.json"

    @property
    def prompt(self) -> Path:
        return self.folder / "prompt.md"

    @property
    def result(self) -> Path:
        return self.folder / "result.json"

    @property
    def stdout(self) -> Path:
        return self.folder / "stdout"

    @property
    def stderr(self) -> Path:
        return self.folder / "stderr"


@dataclass(frozen=True)
class AgentRun:
    """What came of a run: a result, or a code of `paceline.errors` with a reason."""

    result: WorkResult | None
    code: str
    reason: str
    ended: RunExit
    files: RunFiles


async def run_command_agent(
    declaration: AgentDeclaration,
    order: WorkOrder,
    run_dir: Path,
    worktree: Path,
    heartbeat: Heartbeat,
    timings: Timings,
    leave_running: Callable[[], bool] = lambda: False,
    variables: Mapping[str, str] | None = None,
    confinement: Confinement | None = None,
) -> AgentRun:
    """Run an agent once for `run_dir`, and read what it left.

    A run that ended is read again and not run again; one under way is adopted; an absent one is started.

    Args:
        declaration: its command and limits.
        order: written to the run's folder, as JSON and as a prompt.
        run_dir: names the run: one for each attempt.
        worktree: where the agent works.
        heartbeat: called about every second.
        timings: `agent_grace` and `adoption_grace`.
        leave_running: asked on cancellation; True where another call will adopt the run, as when only this
            worker shuts down or its heartbeat was late.
        variables: more of its environment, beside what it is allowed to see.
        confinement: what stands around it; None: nothing does.

    Raises:
        asyncio.CancelledError: after the agent's processes are gone, or were left.
        AgentError: the supervisor does not start.
    """
    files = RunFiles(run_dir.resolve())
    if look(files.folder) == "absent":
        _write_order(files, order.model_copy(update={"worktree": str(worktree)}))
    with bound(agent=order.agent), span("agent") as around:
        about = {"project": order.project, "story": order.story, "attempt": order.attempt}
        around.note({f"paceline.{name}": value for name, value in {**about, "agent": order.agent}.items()})
        # What the agent traces itself belongs below this span; an adopted run keeps that of its start.
        more = {**dict(variables or {}), **traceparent()}
        spec = _spec(declaration, order, files, worktree, timings, more, confinement)
        ended = await run_supervised(files.folder, spec, heartbeat, leave_running)
        outcome = read_outcome(declaration.output, ended, files.stdout, files.stderr, files.result)
        around.note({"paceline.exit_code": ended.exit_code, "paceline.ended": ended.reason})
        if isinstance(outcome, Failure):
            around.fail(outcome.code)
            return AgentRun(None, outcome.code, outcome.reason, ended, files)
    return AgentRun(outcome, "", "", ended, files)


def _spec(
    declaration: AgentDeclaration,
    order: WorkOrder,
    files: RunFiles,
    worktree: Path,
    timings: Timings,
    variables: Mapping[str, str],
    confinement: Confinement | None,
) -> RunSpec:
    return RunSpec(
        argv=arguments(declaration, order, files, worktree),
        cwd=worktree,
        environment=_environment(declaration, files, worktree) | dict(variables),
        stdin=files.prompt if takes_prompt(declaration) else None,
        timeout=declaration.timeout,
        idle_timeout=declaration.idle_timeout,
        grace=timings.agent_grace,
        adoption_grace=timings.adoption_grace,
        confinement=confinement,
    )


def arguments(declaration: AgentDeclaration, order: WorkOrder, files: RunFiles, worktree: Path) -> list[str]:
    """The command with its placeholders filled.

    `{order}`, `{result}`, `{prompt}` and `{worktree}` are paths, anywhere in an argument. For the mounts of a
    container, `{run}` is the folder of the first three, `{git}` the attempt's own repository and `{objects}`
    the user's objects that it borrows. An argument that is `{files}` becomes one for every claimed path that
    is not a glob.
    """
    values = {
        "order": str(files.order),
        "result": str(files.result),
        "prompt": str(files.prompt),
        "worktree": str(worktree),
        "run": str(files.folder),
    }
    if any("{git}" in argument or "{objects}" in argument for argument in declaration.command):
        values |= _repository_of(worktree)
    filled: list[str] = []
    for argument in declaration.command:
        if argument == "{files}":
            # The prefix keeps a claimed path with a leading hyphen from being read as an option.
            filled += [f"./{path}" for path in order.claimed if not _GLOB.search(path)]
        else:
            filled.append(_PLACEHOLDER.sub(lambda found: values[found[1]], argument))
    return filled


def _repository_of(worktree: Path) -> dict[str, str]:
    """Where a worktree's repository and the objects that it borrows are, as its files say."""
    link = _first_line(worktree / ".git")
    own = (
        os.path.normpath(worktree / link.removeprefix("gitdir:").strip()) if link else str(worktree / ".git")
    )
    borrowed = _first_line(Path(own) / "objects" / "info" / "alternates")
    return {"git": own, "objects": borrowed or str(Path(own) / "objects")}


def _first_line(path: Path) -> str:
    """Of a plain file; an agent may have put something else in its place, which is not waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return ""
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        return os.fsdecode(file.read(_LONGEST_LINK).partition(b"\n")[0])


def takes_prompt(declaration: AgentDeclaration) -> bool:
    """Whether the prompt is the standard input: for agents with a known output that are not given a path."""
    named = any("{prompt}" in argument or "{order}" in argument for argument in declaration.command)
    return declaration.output != "result" and not named


def _environment(declaration: AgentDeclaration, files: RunFiles, worktree: Path) -> dict[str, str]:
    return allowed_environment(declaration.environment) | {
        "PACELINE_WORK_ORDER": str(files.order),
        "PACELINE_WORK_RESULT": str(files.result),
        "PACELINE_WORKTREE": str(worktree),
    }


def _write_order(files: RunFiles, order: WorkOrder) -> None:
    files.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    texts = {files.order: order.model_dump_json(indent=2), files.prompt: render_prompt(order)}
    for path, text in texts.items():
        # Of its own: after a lost heartbeat two workers may be here at once.
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
        part.write_text(text, "utf-8")
        part.replace(path)
