"""Plans that are not run yet: what is wrong with one, and how it would run."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, HTTPException
from pydantic import Field

from api.security import PLAN_LIMIT
from api.start_checks import read_and_check, refuse_errors, sentence_of
from paceline.domain.durations import Pace
from paceline.domain.exchange import PlanTexts
from paceline.domain.forecast import forecast
from paceline.domain.forecast_report import Forecast
from paceline.domain.model import Model
from paceline.domain.network import Limits
from paceline.domain.plan import Finding
from paceline.domain.schedule import Preview
from paceline.domain.schedule import preview as preview_of
from paceline.domain.status import RunMode
from paceline.plans.lint import has_errors

router = APIRouter(prefix="/plans", tags=["plans"])


class PlanVerdict(Model):
    """What is wrong with a plan."""

    valid: bool
    """Whether a run of it may start."""
    title: str
    sprints: int
    epics: int
    stories: int
    findings: list[Finding]


class PreviewRequest(PlanTexts):
    """A plan, and how it would be run."""

    max_parallel: int = Field(default=4, ge=1, le=1000)
    mode: RunMode = RunMode.CONTINUOUS
    optional_sprints: bool = False
    seed: int = Field(default=0, ge=0, le=2**31)
    rounds: int | None = Field(default=None, ge=1, le=1000, description="Default: fewer for large plans.")


class PlanPreview(Model):
    """How a plan would run: what starts in which wave, and when it would end."""

    preview: Preview
    forecast: Forecast
    warnings: list[str]


@router.post("/validate", operation_id="validate_plan")
async def validate_plan(body: PlanTexts) -> PlanVerdict:
    """Say what is wrong with a plan; nothing is kept or started."""
    _check_size(body)
    plan, _, findings = await asyncio.to_thread(read_and_check, body)
    return PlanVerdict(
        valid=not has_errors(findings),
        title=plan.title,
        sprints=len(plan.sprints),
        epics=len(plan.epics),
        stories=len(plan.stories),
        findings=findings,
    )


@router.post("/preview", operation_id="preview_plan")
async def preview_plan(body: PreviewRequest) -> PlanPreview:
    """Say how a plan would run, as `paceline plan preview` does; nothing is kept or started."""
    _check_size(body)
    return await asyncio.to_thread(_preview, body)


def _preview(body: PreviewRequest) -> PlanPreview:
    plan, _, findings = read_and_check(body)
    refuse_errors(findings)
    limits = Limits(
        max_parallel=body.max_parallel, mode=body.mode.value, optional_sprints=body.optional_sprints
    )
    return PlanPreview(
        preview=preview_of(plan),
        forecast=forecast(plan, Pace(), limits, body.seed, body.rounds),
        warnings=[sentence_of(finding) for finding in findings],
    )


def _check_size(body: PlanTexts) -> None:
    if body.size() > PLAN_LIMIT:
        raise HTTPException(413, f"The plan is larger than {PLAN_LIMIT // 1024} KiB.")
