"""What proves a candidate merge: commands in a clean checkout, a reviewer's advice, a person's word."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from activities.confinement import around_checkout, sandbox_of
from activities.context import ActivityContext, RunContext
from activities.files import Keeper
from activities.merges import EVIDENCE, evidence_path
from paceline.agents.checks import CheckRun, run_checks
from paceline.agents.confinement import Sandbox
from paceline.contracts import LandReport, LandStep
from paceline.domain.plan import Story
from paceline.domain.proof import (
    Advice,
    Claimed,
    CommandResult,
    CriteriaPolicy,
    Proof,
    Verdict,
    claims_of,
    commands_of,
    open_criteria,
    undecided,
)
from paceline.store import proofs
from paceline.vcs.diff import diff_stat
from paceline.vcs.merge import Candidate
from paceline.vcs.repository import Repository
from paceline.vcs.verification import verification_checkout

MERGED_RESULT = "the merged result"
_SHOWN = 100
_SHOWN_CHARACTERS = 300


class CandidateProof:
    """The proof of one candidate merge of one story."""

    def __init__(
        self, context: ActivityContext, run: RunContext, story: Story, repository: Repository, step: LandStep
    ) -> None:
        self._context = context
        self._run = run
        self._story = story
        self._repository = repository
        self._step = step
        self._lead = run.declaration(run.lead(story))
        self._claimed = claims_of(story, [*self._lead.checks, *run.run.options.checks])

    async def establish(self, built: Candidate, *, for_people: bool = True) -> LandReport:
        """Run what has not passed on this very commit, and record who or what answers for each criterion.

        Args:
            for_people: also sum up the diff; a question shows it.

        Returns:
            Whether every command passed; `unproven` names the criteria that a person has to answer for.
        """
        results, failure = await self._command_results(built)
        evidence = await self.record(built, results)
        if failure:
            return LandReport(verified=False, code="CHECK_FAILED", reason=failure[:2000], evidence=evidence)
        report = LandReport(verified=True, evidence=evidence, unproven=self.unanswered)
        if not for_people:
            return report
        summary = (await diff_stat(self._repository, built.base, built.commit)).text
        return report.model_copy(update={"diff_summary": summary})

    @property
    def commands(self) -> list[str]:
        """The commands to run, each once."""
        return commands_of(self._claimed, self._story)

    @property
    def environment(self) -> list[str]:
        """Names of the variables that the commands may see."""
        return self._lead.environment

    @property
    def empty(self) -> bool:
        """Whether there is neither a criterion nor a command."""
        return not self._claimed

    @property
    def unanswered(self) -> list[str]:
        """The criteria that a person has to answer for before the merge."""
        if self._step.confirmed_by:
            return []
        policy = self._run.run.options.criteria or CriteriaPolicy.PERSON
        advice = self._step.advice
        return _lines(undecided(open_criteria(self._claimed), policy, advice), advice)

    async def sandbox(self) -> Sandbox:
        """What the commands are started in: they run what agents wrote.

        Raises:
            SandboxUnavailable: one is required, and this machine has none.
        """
        return await sandbox_of(self._context, self._run, self._repository)

    async def record(
        self, built: Candidate, results: dict[str, CommandResult], tested_on: str | None = None
    ) -> str:
        """Store who or what answers for each criterion of a candidate, as evidence and as proofs.

        Args:
            results: by command; one that is missing was not run.
            tested_on: the later commit of a batch that the commands ran on; None: the candidate itself.

        Returns:
            Id of the evidence artifact.
        """
        found = self._proofs(built, results)
        if tested_on not in (None, built.commit):
            ran = {"tested_on": tested_on}
            found = [each.model_copy(update=ran) if each.prover == "command" else each for each in found]
        evidence, _ = await asyncio.gather(
            self._keep_evidence(built, found), self._context.database.write(proofs.save_proofs, found)
        )
        return evidence

    async def _command_results(self, built: Candidate) -> tuple[dict[str, CommandResult], str]:
        """Results by command, and the sentence of the one that failed."""
        commands = commands_of(self._claimed, self._story)
        passed = await self._context.database.read(_passed, self._step, built.commit)
        if all(command in passed for command in commands):
            return passed, ""
        folder = self._context.attempt_folder(self._step)
        folder.mkdir(parents=True, exist_ok=True)
        sandbox = await self.sandbox()
        async with verification_checkout(
            self._repository, self._context.settings.worktree_root, built.commit
        ) as checkout:
            runs = await run_checks(
                checkout,
                commands,
                self._context.settings.check_timeout,
                self._lead.environment,
                folder / f"checks-{built.commit[:12]}",
                stop_at_first_failure=True,
                confinement=around_checkout(sandbox, checkout),
            )
        keeper = Keeper(self._context, self._step)
        for each in runs:
            await keeper.keep("log", each.output_path)
        failed = next((each for each in runs if not each.passed), None)
        where = "the head of the sprint's branch" if built.commit == built.base else MERGED_RESULT
        return {each.command: result_of(each) for each in runs}, failure_of(failed, where) if failed else ""

    def _proofs(self, built: Candidate, results: dict[str, CommandResult]) -> list[Proof]:
        advice = {each.number: each for each in self._step.advice}
        return [self._proof(built, claimed, results, advice) for claimed in self._claimed]

    def _proof(
        self,
        built: Candidate,
        claimed: Claimed,
        results: dict[str, CommandResult],
        advice: dict[int, Advice],
    ) -> Proof:
        proof = Proof(
            **claimed.model_dump(),
            project=self._step.project,
            story=self._story.id,
            attempt=self._step.attempt,
            commit=built.commit,
            verdict=Verdict.UNPROVEN,
            prover="nobody",
            at=datetime.now(UTC),
        )
        if claimed.command is not None:
            return _proven_by_command(proof, results.get(claimed.command))
        if self._step.confirmed_by:
            person = {"verdict": Verdict.CONFIRMED, "prover": "person", "by": self._step.confirmed_by}
            return proof.model_copy(update=person)
        said = advice.get(claimed.number)
        if said is None:
            return proof
        verdict = Verdict.ADVISED if said.met else Verdict.DOUBTED
        reviewer = self._run.run.options.reviewer
        return proof.model_copy(
            update={"verdict": verdict, "prover": "reviewer", "by": reviewer, "note": said.note or None}
        )

    async def _keep_evidence(self, built: Candidate, found: list[Proof]) -> str:
        stated = {"project", "story", "attempt", "commit", "at"}
        evidence = {
            "story": self._story.id,
            "attempt": self._step.attempt,
            "base": built.base,
            "candidate": built.commit,
            **({"unchanged": True} if built.commit == built.base else {}),
            "proofs": [proof.model_dump(mode="json", exclude=stated) for proof in found],
        }
        folder = self._context.attempt_folder(self._step)
        folder.mkdir(parents=True, exist_ok=True)
        path = evidence_path(folder, built.commit)
        path.write_text(json.dumps(evidence, indent=2) + "\n")
        return (await Keeper(self._context, self._step).keep(EVIDENCE, path)).id


def _proven_by_command(proof: Proof, result: CommandResult | None) -> Proof:
    if result is None:
        return proof.model_copy(update={"verdict": Verdict.NOT_RUN})
    return proof.model_copy(
        update={
            "verdict": Verdict.PASSED if result.passed else Verdict.FAILED,
            "prover": "command",
            "exit_code": result.exit_code,
            "timed_out": result.timed_out,
            "output": result.output,
            "output_sha256": result.output_sha256,
        }
    )


def _passed(session: Session, step: LandStep, commit: str) -> dict[str, CommandResult]:
    """Commands that passed on this very commit before, so that an approval does not run them again."""
    return {
        proof.command: CommandResult(
            command=proof.command,
            passed=True,
            exit_code=proof.exit_code,
            timed_out=False,
            output=proof.output or "",
            output_sha256=proof.output_sha256 or "",
        )
        for proof in proofs.proofs_of(session, step.project, step.story, commit)
        if proof.verdict is Verdict.PASSED and proof.command and proof.tested_on is None
    }


def result_of(run: CheckRun) -> CommandResult:
    """What a command came to, for the proofs."""
    return CommandResult(
        command=run.command,
        passed=run.passed,
        exit_code=run.exit_code,
        timed_out=run.timed_out,
        output=run.output_path.name,
        output_sha256=run.output_sha256,
    )


def failure_of(failed: CheckRun, where: str = MERGED_RESULT) -> str:
    """The sentence about a command that did not pass."""
    what = "ran out of time" if failed.timed_out else f"exited with {failed.exit_code}"
    said = failed.tail or "no output"
    return f"The check `{failed.command}` {what} on {where}: {said}"


def _lines(missing: Sequence[Claimed], advice: Sequence[Advice]) -> list[str]:
    """The criteria as a person is shown them, each with what the reviewer said of it."""
    said = {each.number: each for each in advice}
    lines: list[str] = []
    for each in missing[:_SHOWN]:
        line = " ".join(each.text.split())[:_SHOWN_CHARACTERS]
        review = said.get(each.number)
        if review is not None:
            verdict = "met" if review.met else "not met"
            line += f" (the reviewer: {verdict}; {review.note[:_SHOWN_CHARACTERS]})"
        lines.append(line)
    if len(missing) > _SHOWN:
        lines[-1] = f"and {len(missing) - _SHOWN + 1} more"
    return lines
