"""The completion summary of a run as it stands now, without the rest of its bundle."""

from __future__ import annotations

import logging
from typing import NamedTuple

from sqlalchemy.orm import Session

from activities.file_log import read_file_log
from activities.run_record import NEVER_DEAD, QUESTIONS, plan_in_force
from paceline.domain.completion import CompletionCheck
from paceline.domain.completion_summary import FileLog, SummaryFacts
from paceline.domain.measurements import AimState
from paceline.domain.plan import Plan
from paceline.domain.questions import Question
from paceline.domain.status import ProjectStatus, Run
from paceline.errors import RepositoryError
from paceline.store import completion, measurements, questions, status
from paceline.store.database import Database

log = logging.getLogger(__name__)


class _Read(NamedTuple):
    plan: Plan
    status: ProjectStatus
    check: CompletionCheck
    questions: list[Question]
    aims: list[AimState]


async def read_summary(database: Database, project: str) -> SummaryFacts:
    """What is to be told of a run.

    Args:
        database: where the run is.
        project: its id.

    Raises:
        NotFound: there is no such run.
    """
    read = await database.read(_read, project)
    sprints = dict.fromkeys(story.sprint for story in read.status.stories)
    files = await _files(read.status.run, list(sprints))
    return SummaryFacts(read.plan, read.status, read.check, files, read.questions, read.aims)


async def _files(run: Run, sprints: list[str]) -> FileLog | None:
    try:
        return await read_file_log(run, sprints)
    except RepositoryError as error:
        log.info("the files of %s are not known now: %s", run.id, error)
        return None


def _read(session: Session, project: str) -> _Read:
    return _Read(
        plan_in_force(session, project),
        status.project_status(session, project, NEVER_DEAD),
        completion.look(session, project),
        questions.list_questions(session, project, None, QUESTIONS),
        measurements.states_of(session, project),
    )
