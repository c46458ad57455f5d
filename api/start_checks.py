"""What is checked of a request to start a plan, before anything is written or started."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from paceline.agents.adjusting_options import load_adjusting_options, with_adjusting
from paceline.agents.calendar_options import load_calendar_options
from paceline.agents.claim_options import ClaimOptions, load_claim_options
from paceline.agents.completion_options import load_completion_options
from paceline.agents.confinement import find_sandbox
from paceline.agents.finish_options import with_finish
from paceline.agents.metrics_options import load_metrics_options
from paceline.agents.notify_options import load_notify_options
from paceline.agents.proof_options import ProofOptions, load_proof_options
from paceline.agents.question_options import load_question_options, with_questions
from paceline.agents.registry import declaration_for, load_declarations
from paceline.agents.story_options import load_story_options, with_stories
from paceline.agents.toml_tables import DECLARATIONS, read_declarations, require_known_tables
from paceline.domain import ids
from paceline.domain.aims import aims_of, fold
from paceline.domain.calendar import CalendarOptions
from paceline.domain.exchange import PlanTexts, StartRequest
from paceline.domain.gates import GatePolicy
from paceline.domain.joining import joined
from paceline.domain.metric_rules import MetricsOptions
from paceline.domain.plan import Finding, Plan
from paceline.domain.proof import CriteriaPolicy
from paceline.domain.status import RunOptions
from paceline.domain.work import AgentDeclaration, is_rehearsal
from paceline.errors import ConfigurationError, PlanError, RepositoryMissing
from paceline.plans.folder import joined_texts, read_folder
from paceline.plans.lint import check_plan
from paceline.plans.reader import read_plan
from paceline.vcs.git import git
from paceline.vcs.options import load_worktree_options
from paceline.vcs.repository import Repository
from paceline.vcs.support import require_supported

EVERY_AGENT = "*"
_KIND_OF_DOCUMENT = re.compile(r"\s*sprint\s+plan\s*[:\u2013\u2014-]\s*(?=\w)", re.IGNORECASE)
_REFS_OF_RUNS = ("refs/heads/paceline/", "refs/paceline/preserved/")
"""Below each of them stands the id of a run."""


@dataclass(frozen=True)
class Wanted:
    """A request that was checked and may run."""

    plan: Plan
    text: str
    """What it was read from, for people."""
    base: str
    """Project id of its first run."""
    repository: str | None
    base_commit: str | None
    options: RunOptions
    rerun: bool
    warnings: list[str]
    dirty: list[str]
    """Paths with uncommitted changes that refuse a new run; one that goes on does not look at them again."""
    used: frozenset[str]
    """Ids of runs that left branches or preserved work in the repository, known to this database or not."""


async def check_request(request: StartRequest) -> Wanted:
    """Everything that can be refused before anything is written."""
    # A large plan takes seconds, in which the API answers others.
    plan, text, findings = await asyncio.to_thread(read_and_check, request)
    refuse_errors(findings)
    repository = await _open(request.repository)
    written = (await asyncio.to_thread(read_declarations, repository.path) if repository else None) or ""
    require_known_tables(written, DECLARATIONS)
    declared = load_declarations(written, DECLARATIONS)
    options = _with_defaults(request.options, load_proof_options(written, DECLARATIONS))
    options = _with_claim_rules(options, load_claim_options(written, DECLARATIONS))
    options = with_stories(options, load_story_options(written, DECLARATIONS))
    options = with_finish(options, written, DECLARATIONS)
    if options.completion is None:
        completion = load_completion_options(written, DECLARATIONS)
        options = options.model_copy(update={"completion": completion})
    options, unmeasured = _with_metrics(options, load_metrics_options(written, DECLARATIONS), plan)
    options = with_questions(options, load_question_options(written, DECLARATIONS))
    options = with_adjusting(options, load_adjusting_options(written, DECLARATIONS))
    notify = options.notify or load_notify_options(written, DECLARATIONS)
    options = options.model_copy(update={"notify": notify if notify.receivers() else None})
    options = options.model_copy(update={"doubts": doubts(findings, options.confirm_reading or [])})
    agents = _resolve_agents(plan, options.agents, declared, with_repository=repository is not None)
    agents |= _reviewing(options, declared)
    options = _with_calendar(options, load_calendar_options(written, DECLARATIONS), agents)
    commands = any(agent.kind == "command" for agent in agents.values())
    if commands and repository is None:
        raise ConfigurationError(
            "The plan's agents are commands, and there is no repository for them to work in; name one, "
            "or run with simulated agents."
        )
    base_commit = await repository.head_commit() if repository else None
    if commands and repository is not None and base_commit is not None:
        worktrees = load_worktree_options(written, str(repository.path / DECLARATIONS))
        await require_supported(repository, base_commit, submodules=worktrees.submodules)
        options = options.model_copy(update={"sandbox": options.sandbox or worktrees.sandbox or "auto"})
        await asyncio.to_thread(_require_sandbox, options, agents)
    return Wanted(
        plan=plan,
        text=text,
        base=ids.project_id(
            request.project or plan.project or _KIND_OF_DOCUMENT.sub("", plan.title, count=1)
        ),
        repository=str(repository.path) if repository else None,
        base_commit=base_commit,
        options=options.model_copy(
            update={"agents": agents, "spare": _spare(plan, options.agents, declared, agents)}
        ),
        rerun=request.rerun,
        warnings=[*(sentence_of(finding) for finding in findings), *unmeasured],
        dirty=await repository.is_dirty() if repository and not request.options.allow_dirty else [],
        used=await _used_ids(repository) if repository else frozenset(),
    )


def read_and_check(request: PlanTexts) -> tuple[Plan, str, list[Finding]]:
    """A plan, its text to keep, and what the linter says of it."""
    plan, text = _read(request)
    plan = joined(plan)
    return plan, text, check_plan(plan, request.files or {request.file or "": text})


def _read(request: PlanTexts) -> tuple[Plan, str]:
    """The plan, and its text to keep; of a folder that of all files, one after the other, for people.

    The normal form is kept beside it, so nothing has to read the text again.
    """
    if request.files is None:
        text = request.plan or ""
        return read_plan(text, request.file), text
    return read_folder(request.files, request.file), joined_texts(request.files)


def refuse_errors(findings: list[Finding]) -> None:
    """Refuse a plan with errors.

    Raises:
        PlanError: it has some.
    """
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise PlanError(
            f"The plan has errors, nothing was started: {sentence_of(errors[0])}{more}",
            findings=[finding.model_dump() for finding in findings],
        )


def doubts(findings: list[Finding], wanted: list[str]) -> list[str]:
    """Sentences of the findings that a person has to confirm, the first 50 of them.

    Args:
        findings: of the linter.
        wanted: their codes; `*` stands for every warning.
    """
    asked = [
        each for each in findings if each.code in wanted or ("*" in wanted and each.severity == "warning")
    ]
    return [sentence_of(finding)[:390] for finding in asked[:50]]


def sentence_of(finding: Finding) -> str:
    where = ":".join(str(part) for part in (finding.file, finding.line) if part is not None)
    remedy = f" {finding.remedy}" if finding.remedy else ""
    return f"{where}: {finding.message}{remedy}" if where else f"{finding.message}{remedy}"


async def _open(path: str | None) -> Repository | None:
    if path is None:
        return None
    if not Path(path).is_absolute():
        raise RepositoryMissing(f"The repository's path {path!r} is not absolute; write it from the root.")
    return await Repository.open(Path(path))


def _with_defaults(options: RunOptions, proof: ProofOptions) -> RunOptions:
    """The options with the repository's word on what proves a story, where the request says nothing of it."""
    return options.model_copy(
        update={
            "checks": list(dict.fromkeys([*proof.checks, *options.checks])),
            "criteria": options.criteria or proof.criteria or CriteriaPolicy.PERSON,
            "reviewer": options.reviewer or proof.reviewer,
            "gates": options.gates or proof.gates or GatePolicy.PERSON,
        }
    )


def _with_claim_rules(options: RunOptions, rules: ClaimOptions) -> RunOptions:
    """The same for what stories may change beside what is their own."""
    return options.model_copy(
        update={
            "foreign_edits": options.foreign_edits or rules.foreign_edits or "allow",
            "growth": options.growth or rules.growth or "allow",
        }
    )


def _with_metrics(options: RunOptions, written: MetricsOptions, plan: Plan) -> tuple[RunOptions, list[str]]:
    """The same for what measures metrics and success criteria, with what is to be said of it.

    Raises:
        ConfigurationError: who starts the run names something that the plan does not have.
    """
    names = {fold(aim.name): aim.name for aim in aims_of(plan)}
    metrics = options.metrics or written
    unknown = [name for name in metrics.commands if fold(name) not in names]
    if not unknown:
        return options.model_copy(update={"metrics": metrics}), []
    known = ", ".join(list(names.values())[:20]) or "none"
    said = f"A command measures {', '.join(unknown[:20])}, which the plan does not have; it has {known}."
    if options.metrics is not None:
        raise ConfigurationError(said)
    # The repository's commands are for all of its plans.
    commands = {name: command for name, command in metrics.commands.items() if name not in unknown}
    return options.model_copy(update={"metrics": metrics.model_copy(update={"commands": commands})}), [said]


def _with_calendar(
    options: RunOptions, written: CalendarOptions | None, agents: dict[str, AgentDeclaration]
) -> RunOptions:
    """The same for the days of a sprint; without a word about them, a rehearsal has none to report."""
    rehearsal = is_rehearsal(agents.values())
    calendar = options.calendar or written or CalendarOptions(reports=not rehearsal)
    return options.model_copy(update={"calendar": calendar})


def _reviewing(options: RunOptions, declared: dict[str, AgentDeclaration]) -> dict[str, AgentDeclaration]:
    """The declaration of the reviewing agent, where there is one."""
    if options.criteria is not CriteriaPolicy.REVIEWER:
        return {}
    name = options.reviewer
    found = (declaration_for(name, options.agents) or declaration_for(name, declared)) if name else None
    if name is None or found is None or found.kind != "command":
        raise ConfigurationError(
            f"Criteria are to be reviewed, and {name or 'no agent'} is not declared as a command agent; name "
            'one as `reviewer`, and write [agents."its name"] into paceline.toml.',
            agent=name,
        )
    return {name: found}


def _require_sandbox(options: RunOptions, agents: dict[str, AgentDeclaration]) -> None:
    """Refuse a run that its agents could not work in; a worker on another machine looks again for itself.

    Raises:
        SandboxUnavailable: one is required, and this machine has none.
    """
    wanted = {options.sandbox, *(each.sandbox for each in agents.values() if each.kind == "command")}
    if "required" in wanted:
        find_sandbox("required")


async def _used_ids(repository: Repository) -> frozenset[str]:
    """The ids of runs that the repository remembers.

    A story whose merge is found is never merged again. So a run of another database must not take the id of
    one of these: it would find that one's merges and call them its own.
    """
    listed = await git(repository.common_dir, "for-each-ref", "--format=%(refname)", *_REFS_OF_RUNS)
    return frozenset(
        name.removeprefix(prefix).partition("/")[0]
        for name in listed.text.splitlines()
        for prefix in _REFS_OF_RUNS
        if name.startswith(prefix)
    )


def _spare(
    plan: Plan,
    chosen: dict[str, AgentDeclaration],
    declared: dict[str, AgentDeclaration],
    used: dict[str, AgentDeclaration],
) -> dict[str, AgentDeclaration]:
    """Agents of the plan's team and of the declarations that have no story; one may be given to them."""
    names = dict.fromkeys([*(agent.id for agent in plan.agents), *chosen, *declared])
    found = {name: declaration_for(name, chosen) or declaration_for(name, declared) for name in names}
    return {
        name: declaration
        for name, declaration in found.items()
        if declaration is not None and name not in used and name != EVERY_AGENT
    }


def _resolve_agents(
    plan: Plan,
    chosen: dict[str, AgentDeclaration],
    declared: dict[str, AgentDeclaration],
    *,
    with_repository: bool,
) -> dict[str, AgentDeclaration]:
    """The declaration of every agent that works, under the plan's name for it.

    Args:
        plan: names the agents.
        chosen: what the person who starts the run says; goes before the repository's declarations as a whole,
            so that its `*` covers also agents that are declared.
        declared: `paceline.toml` of the repository.
        with_repository: whether there is one; the refusal says what to do without.
    """
    names = dict.fromkeys(name for story in plan.stories for name in (story.agents or [EVERY_AGENT]))
    resolved = {name: declaration_for(name, chosen) or declaration_for(name, declared) for name in names}
    missing = [name for name, found in resolved.items() if found is None]
    if missing:
        remedy = (
            f'write [agents."{missing[0]}"] with a kind into paceline.toml at the top of the repository, or '
            '[agents."*"] for every agent'
            if with_repository
            else "name the repository whose paceline.toml declares them (--repo DIR), or run with simulated "
            "agents (--agent simulated)"
        )
        raise ConfigurationError(
            f"No declaration says how these agents work: {', '.join(missing)}; {remedy}.", agents=missing
        )
    return {name: found for name, found in resolved.items() if found is not None}
