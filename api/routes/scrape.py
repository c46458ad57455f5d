"""Metrics for Prometheus."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from temporalio.client import Client
from temporalio.service import RPCError

from api.deps import ClientDep, DatabaseDep, SettingsDep
from paceline.observe.figures import DiskCollector, FiguresCollector, ServiceCollector, Services, exposition
from paceline.observe.metrics import REGISTRY
from paceline.store.database import Database
from paceline.store.figures import Figures, read_figures
from workers.health import pollers

router = APIRouter(tags=["health"])
DATABASE_SECONDS, TEMPORAL_SECONDS = 5.0, 2.0


@router.get(
    "/metrics",
    operation_id="get_metrics_of_the_service",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def get_exposition(database: DatabaseDep, client: ClientDep, settings: SettingsDep) -> Response:
    """What this process counts, what the database knows, and whether anybody works; for Prometheus.

    A database or a Temporal server that does not answer is told as such, beside everything else.
    """
    figures, workers = await asyncio.gather(_figures(database), _workers(client))
    services = Services(figures is not None, workers is not None, workers)
    found: list[Collector] = [REGISTRY, ServiceCollector(services), DiskCollector(settings)]
    if figures is not None:
        found.append(FiguresCollector(figures))
    text = await asyncio.to_thread(exposition, *found)
    return Response(text, media_type=None, headers={"content-type": CONTENT_TYPE_LATEST})


async def _figures(database: Database) -> Figures | None:
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            return await database.read(read_figures)
    except Exception:  # whatever is wrong with the database: the others are still to be told
        return None


async def _workers(client: Client) -> int | None:
    try:
        return len(await pollers(client, TEMPORAL_SECONDS))
    except (RPCError, RuntimeError):
        return None
