"""What a rollback would make: its commits in the object store, their size, and the checks that would fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from activities.confinement import around_checkout, sandbox_of
from activities.context import ActivityContext, RunContext
from activities.rollback_evidence import rollback_folder
from paceline.agents.checks import CheckRun, run_checks
from paceline.domain import ids
from paceline.domain.proof import claims_of, commands_of
from paceline.domain.rollback import (
    Change,
    Choice,
    History,
    Outcome,
    Rollback,
    RollbackCommit,
    RollbackKind,
    builds_on,
    difference,
)
from paceline.errors import MergeConflict
from paceline.store import rollbacks
from paceline.vcs.diff import changed_paths, diff_stat
from paceline.vcs.merge import Candidate
from paceline.vcs.repository import Repository
from paceline.vcs.revert import ROLLBACK_TRAILER, return_to, revert
from paceline.vcs.verification import verification_checkout

_SHOWN = 200


@dataclass(frozen=True)
class Built:
    """The commits of a rollback on a head, the first of them on it; no ref points at them."""

    base: str
    commits: list[RollbackCommit]

    @property
    def tip(self) -> str:
        """Where the branch would be."""
        return self.commits[-1].commit


@dataclass(frozen=True)
class RollbackBuild:
    """Builds one rollback on one state of the branch.

    Args:
        history: the branch; what is built stands on its head.
        fence: of the claim under which it is built; None for a preview.
    """

    context: ActivityContext
    run: RunContext
    repository: Repository
    rollback: Rollback
    history: History
    fence: int | None = None

    async def choices(self) -> dict[Choice, list[Change]]:
        """The changes to take back under each choice, newest first.

        Raises:
            Conflict: there is nothing to take back.
            NotFound: no such story or rollback.
        """
        named = self.history.targets(self.rollback.kind, self.rollback.target)
        if self.rollback.kind is RollbackKind.BOUNDARY:
            return {"all": [], "named": []}
        others = [self.history.merges[story] for story in await self.dependants(named)]
        order = {change.commit: place for place, change in enumerate(self.history.changes)}
        whole = sorted([*named, *others], key=lambda change: order[change.commit], reverse=True)
        return {"all": whole, "named": named}

    async def dependants(self, named: Sequence[Change]) -> dict[str, str]:
        """Stories on the branch that build on these changes, with the reason."""
        if not named:
            return {}
        merges = [self.history.merges[story] for story in self.history.standing()]
        paths: dict[str, list[str]] = {}
        for change in [*named, *merges]:
            if change.commit not in paths:
                paths[change.commit] = await self._paths(change.parent, change.commit)
        return builds_on(self.history, named, self.run.edges, paths)

    async def build(self, changes: Sequence[Change]) -> Built:
        """Write the commits; of a boundary it is one.

        Raises:
            MergeConflict: later changes are in the way.
        """
        if self.rollback.kind is RollbackKind.BOUNDARY:
            return await self._return()
        base, commits = self.history.head, list[RollbackCommit]()
        standing = set(self.history.standing())
        for change in changes:
            reverts = [story for story in [change.story, *change.restores] if story and story in standing]
            restores = [story for story in change.reverts if story not in standing]
            standing = (standing - set(reverts)) | set(restores)
            title = change.story or f"rollback {change.rollback} ({change.commit[:12]})"
            made = await revert(
                self.repository,
                base,
                self.history.branch,
                change.commit,
                f"Roll back {title}\n\n{self._names(reverts, restores)}",
                self._trailers(reverts, restores),
                self.rollback.asked_at,
            )
            commits.append(RollbackCommit(commit=made.commit, reverts=reverts, restores=restores))
            base = made.commit
        return Built(self.history.head, commits)

    async def _return(self) -> Built:
        history, target = self.history, self.rollback.target
        boundary = history.boundary(target)
        reverts, restores = difference(history.standing(), history.standing(boundary))
        made: Candidate = await return_to(
            self.repository,
            history.head,
            history.branch,
            boundary,
            f"Return to the boundary after {target}\n\n{self._names(reverts, restores)}",
            self._trailers(reverts, restores) | {"Paceline-Boundary": boundary},
            self.rollback.asked_at,
        )
        return Built(history.head, [RollbackCommit(commit=made.commit, reverts=reverts, restores=restores)])

    def _names(self, reverts: Sequence[str], restores: Sequence[str]) -> str:
        lines = [f"Takes away {story}: {self._title(story)}" for story in reverts]
        lines += [f"Brings back {story}: {self._title(story)}" for story in restores]
        return "\n".join(lines)

    def _title(self, story: str) -> str:
        return " ".join(self.run.story(story).title.split())[:120]

    def _trailers(self, reverts: Sequence[str], restores: Sequence[str]) -> dict[str, str]:
        found = {ROLLBACK_TRAILER: self.rollback.id}
        for key, stories in (("Paceline-Reverts", reverts), ("Paceline-Restores", restores)):
            if stories:
                found[key] = " ".join(self.run.workflow_id(self.run.story(story)) for story in stories)
        if self.fence is not None:
            found["Paceline-Fence"] = str(self.fence)
        return found

    async def outcome(self, changes: Sequence[Change]) -> tuple[Outcome, Built | None]:
        """What taking these back would change, with the checks that would fail; nothing is moved."""
        try:
            built = await self.build(changes)
        except MergeConflict as conflict:
            return Outcome(conflict=conflict.message, details=conflict.details), None
        paths = await self._paths(built.base, built.tip)
        reverts = [story for each in built.commits for story in each.reverts]
        restores = [story for each in built.commits for story in each.restores]
        standing = [story for story in self.history.standing() if story not in reverts]
        outcome = Outcome(
            reverts=reverts,
            restores=restores,
            paths=paths,
            stat=(await diff_stat(self.repository, built.base, built.tip)).text,
            failures=await self._failures(built.tip, [*standing, *restores]),
        )
        return outcome, built

    async def _paths(self, before: str, after: str) -> list[str]:
        return [each.path for each in await changed_paths(self.repository, before, after)]

    async def _failures(self, commit: str, standing: Sequence[str]) -> list[str]:
        """The checks of the stories that would remain, in a clean checkout; each tree is checked once."""
        project, number = self.rollback.project, self.rollback.number
        tree = await self.repository.tree_of(commit)
        known = await self.context.database.read(rollbacks.checked_of, project, number)
        # The same files may be proven by other stories' checks where other stories remain.
        key = f"{tree}#{ids.short_digest(' '.join(sorted(standing)))}"
        if key not in known:
            failures = await self._check(commit, standing)
            await self.context.database.write(_keep, project, number, key, failures)
            return failures
        return known[key]

    async def _check(self, commit: str, standing: Sequence[str]) -> list[str]:
        wanted: dict[tuple[str, ...], dict[str, list[str]]] = {}
        for story in (self.run.story(each) for each in standing):
            lead = self.run.declaration(self.run.lead(story))
            claimed = claims_of(story, [*lead.checks, *self.run.run.options.checks])
            for command in commands_of(claimed, story):
                group = wanted.setdefault(tuple(lead.environment), {})
                group.setdefault(command, []).append(story.id)
        if not wanted:
            return []
        settings = self.context.settings
        folder = rollback_folder(self.context, self.rollback.project, self.rollback.number)
        failures: list[str] = []
        sandbox = await sandbox_of(self.context, self.run, self.repository)
        async with verification_checkout(self.repository, settings.worktree_root, commit) as checkout:
            for place, (environment, commands) in enumerate(wanted.items()):
                logs = folder / f"{commit[:12]}-{place}"
                runs = await run_checks(
                    checkout,
                    list(commands),
                    settings.check_timeout,
                    environment,
                    logs,
                    confinement=around_checkout(sandbox, checkout),
                )
                failures += [_sentence(each, commands[each.command]) for each in runs if not each.passed]
        return failures[:_SHOWN]


def _keep(session: Session, project: str, number: int, key: str, failures: list[str]) -> None:
    rollbacks.note_checked(session, project, number, key, failures)


def _sentence(run: CheckRun, stories: Sequence[str]) -> str:
    how = "runs out of time" if run.timed_out else f"exits with {run.exit_code}"
    whose = ", ".join(stories[:5])
    return f"`{run.command[:300]}` of {whose} {how}\n{run.tail[:500]}".rstrip()
