"""Plans and their runs."""

from __future__ import annotations

import gc
import re
from collections import OrderedDict
from collections.abc import Collection
from threading import Lock

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from paceline.domain import ids
from paceline.domain.plan import Plan
from paceline.domain.states import RunState
from paceline.domain.status import Run, RunOptions
from paceline.errors import Conflict, NotFound
from paceline.store.models import PlanRow, RunRow
from paceline.store.paging import By, Key, paged
from paceline.store.statements import dialect_of, insert_into, now


def save_plan(session: Session, plan: Plan, text: str) -> str:
    """Keep a plan with the text it was read from; the same plan is kept once.

    Returns:
        The plan's digest, its name from now on.
    """
    digest = plan.digest()
    row = {
        "digest": digest,
        "normal_form": plan.model_dump_json(),
        "text": text,
        "saved_at": now(dialect_of(session)),
    }
    session.execute(insert_into(dialect_of(session), PlanRow).values(row).on_conflict_do_nothing())
    return digest


def load_plan(session: Session, digest: str) -> Plan:
    """The plan of this digest. Every caller in the process gets the same object: do not change it.

    Raises:
        NotFound: no such plan was saved.
    """
    known = _PARSED.get(digest)
    if known is None:
        normal_form = session.scalar(select(PlanRow.normal_form).where(PlanRow.digest == digest))
        if normal_form is None:
            raise _no_plan(digest)
        known = Plan.model_validate_json(normal_form)
        _PARSED.put(digest, known)
    elif session.scalar(select(PlanRow.digest).where(PlanRow.digest == digest)) is None:
        raise _no_plan(digest)
    return known


def plan_text(session: Session, digest: str) -> str:
    """The text a plan was read from.

    Raises:
        NotFound: no such plan was saved.
    """
    text = session.execute(select(PlanRow.text).where(PlanRow.digest == digest)).scalar_one_or_none()
    if text is None:
        raise _no_plan(digest)
    return text


def create_run(session: Session, run: Run, base_id: str | None = None) -> Run:
    """Record the start of a run.

    Args:
        session: in a write transaction.
        run: its id is free.
        base_id: the project that all its runs share; None: the id without its run number.

    Raises:
        Conflict: there is a run of this id.
    """
    values = run.model_dump(mode="json", include={"options", "state"})
    row = {
        **run.model_dump(),
        **values,
        "base_id": base_id or _base_of(run.id, run.run_number),
    }
    statement = (
        insert_into(dialect_of(session), RunRow).values(row).on_conflict_do_nothing().returning(RunRow.id)
    )
    if session.execute(statement).first() is None:
        raise Conflict(f"There is already a run {run.id}; attach to it or take the next number.", run=run.id)
    return run


def get_run(session: Session, project: str) -> Run:
    """The run of this id.

    Raises:
        NotFound: there is none.
    """
    row = session.execute(select(RunRow).where(RunRow.id == project)).scalar_one_or_none()
    if row is None:
        raise _no_run(project)
    return _run(row)


def base_of(session: Session, project: str) -> str | None:
    """The project that a run is one of; None where there is no such run."""
    return session.execute(select(RunRow.base_id).where(RunRow.id == project)).scalar_one_or_none()


def project_name(session: Session, given: str) -> str:
    """A project's own id: a run's id is that of its project with a number."""
    return base_of(session, given) or ids.title_slug(given)


def list_runs(
    session: Session,
    limit: int | None = 50,
    state: RunState | None = None,
    within: Collection[str] | None = None,
    *,
    title: str | None = None,
    after: Key | None = None,
) -> list[Run]:
    """The newest runs, newest first, of one state or of all, of some projects or of all.

    Args:
        session: any transaction.
        limit, state, within: as said.
        title: a text that is in the run's title or id, in capitals or not; None: any.
        after: start, run number and id of the run before the first.
    """
    order = (By(RunRow.started_at, True), By(RunRow.run_number, True), By(RunRow.id, True))
    query = paged(select(RunRow), order, after, limit)
    if title is not None:
        query = query.where(
            RunRow.title.icontains(title, autoescape=True) | RunRow.id.icontains(title, autoescape=True)
        )
    if state is not None:
        query = query.where(RunRow.state == state.value)
    if within is not None:
        query = query.where(RunRow.base_id.in_(within))
    return [_run(row) for row in session.execute(query).scalars()]


def repositories(session: Session) -> list[str]:
    """The paths of all repositories that there were runs of."""
    query = select(RunRow.repository).where(RunRow.repository.is_not(None)).distinct()
    return sorted(path for path in session.execute(query).scalars() if path)


def runs_of(session: Session, base_project: str) -> list[Run]:
    """All runs of a project, oldest first."""
    query = select(RunRow).where(RunRow.base_id == base_project).order_by(RunRow.run_number)
    return [_run(row) for row in session.execute(query).scalars()]


def end_run(session: Session, project: str, state: RunState) -> None:
    """Record how a run ended; the first end stays.

    Raises:
        NotFound: there is no such run.
    """
    ended = (
        update(RunRow)
        .where(RunRow.id == project, RunRow.state == RunState.RUNNING.value)
        .values(state=state.value, ended_at=now(dialect_of(session)))
        .returning(RunRow.id)
    )
    if session.execute(ended).first() is None:
        get_run(session, project)


def _base_of(project: str, run_number: int) -> str:
    return re.sub(rf"-run-{run_number}$", "", project) if run_number > 1 else project


def _run(row: RunRow) -> Run:
    return Run(
        id=row.id,
        run_number=row.run_number,
        title=row.title,
        plan_digest=row.plan_digest,
        repository=row.repository,
        base_commit=row.base_commit,
        options=RunOptions.model_validate(row.options),
        state=RunState(row.state),
        started_at=row.started_at,
        ended_at=row.ended_at,
    )


_LARGE = 1000
"""Stories of a plan that is kept out of the way of the garbage collector."""


class _Plans:
    """The plans that were asked for last, by digest, for every thread of the process.

    Every activity of a run needs its plan; reading and parsing thousands of stories each time would show.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[str, Plan] = OrderedDict()
        self._lock = Lock()

    def get(self, digest: str) -> Plan | None:
        """A plan that is still kept."""
        with self._lock:
            if digest in self._kept:
                self._kept.move_to_end(digest)
            return self._kept.get(digest)

    def put(self, digest: str, plan: Plan) -> None:
        """Keep a plan instead of the one that nobody asked for the longest."""
        with self._lock:
            self._kept[digest] = plan
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        if len(plan.stories) >= _LARGE:
            # Its objects live long; a full garbage collection would walk all of them for most of a second.
            gc.collect()
            gc.freeze()


_PARSED = _Plans(8)


def _no_plan(digest: str) -> NotFound:
    return NotFound(f"No plan {digest[:12]} was saved; read its document again.", digest=digest)


def _no_run(project: str) -> NotFound:
    return NotFound(f"There is no run {project}; `paceline status` lists the runs.", project=project)
