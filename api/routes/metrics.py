"""Metrics and success criteria of a run: targets, actual values, verdicts, and what people say of them."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field
from sqlalchemy.orm import Session
from temporalio.client import Client

from api.deps import ClientDep, DatabaseDep
from api.permissions import ActingDep
from api.temporal import TemporalErrors
from paceline.domain import ids
from paceline.domain.aims import NAME_LIMIT as AIM_LIMIT
from paceline.domain.aims import find_aim
from paceline.domain.exchange import NAME_LIMIT
from paceline.domain.measurements import (
    NOTE_LIMIT,
    AimState,
    MeasurementDraft,
    MetricsReport,
    Source,
    misfit_of,
    read_said,
)
from paceline.domain.model import Model
from paceline.errors import NotFound, Refused
from paceline.store import measurements, questions
from paceline.store.database import Database

router = APIRouter(prefix="/projects", tags=["metrics"])

log = logging.getLogger(__name__)

Name = Annotated[str, Field(min_length=1, max_length=NAME_LIMIT)]


class MeasureRequest(Model):
    """What a person says of a metric or success criterion."""

    name: str = Field(min_length=1, max_length=AIM_LIMIT, description="As listed, or its number there.")
    value: str = Field(
        min_length=1, max_length=500, description="A number with its unit, or `met`, `missed` or `unknown`."
    )
    reason: str = Field(default="", max_length=NOTE_LIMIT, description="What stands behind it.")
    actor: Name = "unknown"
    id: str | None = Field(
        default=None, min_length=1, max_length=150, description="The same id again is the same measurement."
    )


@router.get("/{project}/metrics", operation_id="get_metrics")
async def get_metrics(project: str, database: DatabaseDep) -> MetricsReport:
    """Every metric and success criterion with its target, its newest actual value, and the verdict."""
    return await database.read(measurements.metrics_report, project)


@router.post(
    "/{project}/metrics",
    operation_id="measure_metric",
    status_code=201,
    responses={200: {"model": AimState, "description": "The id is known."}},
)
async def measure_metric(
    project: str,
    body: MeasureRequest,
    response: Response,
    database: DatabaseDep,
    client: ClientDep,
    acting: ActingDep,
) -> AimState:
    """Say what a metric or success criterion came to; the newest counts, and all are kept."""
    wish = body.model_copy(update={"actor": acting.named(body.actor), "id": body.id or acting.fresh_id()})
    state, new = await database.write(_measure, project, wish)
    response.status_code = 201 if new else 200
    await _wake(database, client, project)
    return state


def _measure(session: Session, project: str, body: MeasureRequest) -> tuple[AimState, bool]:
    aims = measurements.aims_in_force(session, project)
    aim = find_aim(aims, body.name)
    if aim is None:
        names = ", ".join(each.name for each in aims[:20]) or "none"
        raise NotFound(
            f"{project} has no metric or success criterion {body.name[:100]}; it has {names}.",
            project=project,
        )
    said = read_said(body.value)
    if said is None:
        raise Refused(
            f"`{body.value[:100]}` is no value for {aim.name}: write a number, met, missed or unknown.",
            project=project,
        )
    refusal = misfit_of(aim, said)
    if refusal is not None:
        raise Refused(refusal, project=project)
    note = "; ".join(part for part in (said.note, body.reason) if part)[:NOTE_LIMIT]
    draft = MeasurementDraft(
        **said.model_copy(update={"note": note}).model_dump(),
        id=f"said-{body.id}",
        aim=aim.name,
        target=aim.target,
        source=Source.PERSON,
        actor=body.actor,
    )
    new = measurements.record_measurements(session, project, aims, [draft])
    states = {each.name: each for each in measurements.states_of(session, project)}
    return states[aim.name], bool(new)


async def _wake(database: Database, client: Client, project: str) -> None:
    """A question that this answers is not needed any more; who is not told sees it within the hour."""
    begin = ids.measures_workflow_id(project, "")
    for name in await database.read(questions.asking_beside, project):
        if name.startswith(begin):
            try:
                await client.get_workflow_handle(name).signal("look-again")
            except TemporalErrors as error:
                log.info("%s was not told of a measurement: %s", name, error)
