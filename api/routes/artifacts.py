"""What runs leave behind: the bundle, a count of everything, and the clean-up."""

from __future__ import annotations

import asyncio
from collections import Counter

from fastapi import APIRouter
from fastapi.responses import FileResponse
from sqlalchemy.orm import Session

from activities.bundle import build_bundle, newest_bundle
from activities.retention import artifact_file, old_runs, remove_artifacts
from api.deps import DatabaseDep, SettingsDep
from paceline.domain.exchange import ArtifactsDeleted, ArtifactSummary, CleanUp
from paceline.domain.status import Artifact
from paceline.errors import NotFound
from paceline.store import artifacts, runs

router = APIRouter(prefix="/artifacts", tags=["artifacts"])


@router.post("/{project_id}/generate", operation_id="generate_artifacts", status_code=201)
async def generate_artifacts(project_id: str, database: DatabaseDep, settings: SettingsDep) -> Artifact:
    """Build the bundle of a run as it stands now; nothing new is built where nothing changed."""
    return await build_bundle(database, settings, project_id)


@router.get("/{project_id}/summary", operation_id="get_artifact_summary")
async def get_artifact_summary(
    project_id: str, database: DatabaseDep, settings: SettingsDep
) -> ArtifactSummary:
    """Artifacts by kind, their size, and where the bundle is."""
    found, bundle = await database.read(_summarise, project_id)
    return ArtifactSummary(
        project=project_id,
        count=len(found),
        bytes=sum(artifact.bytes for artifact in found),
        kinds=dict(sorted(Counter(artifact.kind for artifact in found).items())),
        bundle=bundle,
        bundle_path=str(settings.artifact_root.absolute() / bundle.path) if bundle else None,
    )


@router.get(
    "/{project_id}/download",
    operation_id="download_artifacts",
    response_class=FileResponse,
    responses={200: {"content": {"application/zip": {}}}},
)
async def download_artifacts(project_id: str, database: DatabaseDep, settings: SettingsDep) -> FileResponse:
    """The newest bundle as a ZIP."""
    _, bundle = await database.read(_summarise, project_id)
    path = artifact_file(settings, bundle) if bundle else None
    if bundle is None or path is None or not await asyncio.to_thread(path.is_file):
        raise NotFound(
            f"No bundle of {project_id} was made yet; POST /api/v1/artifacts/{project_id}/generate makes one."
        )
    headers = {"ETag": f'"{bundle.sha256}"', "X-Checksum-SHA256": bundle.sha256}
    return FileResponse(path, media_type="application/zip", filename=f"{project_id}.zip", headers=headers)


@router.delete("/{project_id}/artifacts", operation_id="delete_artifacts")
async def delete_artifacts(project_id: str, database: DatabaseDep, settings: SettingsDep) -> ArtifactsDeleted:
    """Remove every artifact of an ended run from the index and from disk."""
    return _deleted(project_id, await remove_artifacts(database, settings, project_id))


@router.post("/cleanup-old", operation_id="clean_up_old_artifacts")
async def clean_up_old_artifacts(
    body: CleanUp, database: DatabaseDep, settings: SettingsDep
) -> list[ArtifactsDeleted]:
    """Remove the artifacts of all runs that ended long ago; one that still runs keeps its own."""
    found = await database.read(old_runs, body.days)
    if body.dry_run:
        listed = [(run, (await database.read(_summarise, run))[0]) for run in found]
    else:
        listed = [(run, await remove_artifacts(database, settings, run)) for run in found]
    return [_deleted(run, removed) for run, removed in listed]


def _deleted(project: str, removed: list[Artifact]) -> ArtifactsDeleted:
    size = sum(artifact.bytes for artifact in removed)
    return ArtifactsDeleted(project=project, deleted=len(removed), bytes=size)


def _summarise(session: Session, project: str) -> tuple[list[Artifact], Artifact | None]:
    runs.get_run(session, project)
    return artifacts.list_artifacts(session, project), newest_bundle(session, project)
