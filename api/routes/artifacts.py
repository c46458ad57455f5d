"""What runs leave behind: the bundle, a count of everything, and the clean-up."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse
from sqlalchemy.orm import Session

from activities.bundle import build_bundle, newest_bundle
from activities.retention import artifact_file, last_removal, old_runs, remove_artifacts
from api.deps import DatabaseDep, SettingsDep
from api.downloads import file_response
from api.paging import TEXT, PageOf200
from api.permissions import ActingDep
from paceline.domain.exchange import ArtifactsDeleted, ArtifactSummary, CleanUp
from paceline.domain.status import Artifact
from paceline.errors import ArtifactsRemoved, NotFound
from paceline.store import artifacts, runs
from paceline.store.database import Database

router = APIRouter(prefix="/artifacts", tags=["artifacts"])

_FILE: dict[str, dict[str, str]] = {"text/plain": {}, "application/zip": {}, "application/octet-stream": {}}
ASKED = "a person asked for it"


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
    responses={
        200: {"content": {"application/zip": {}}},
        206: {"content": {"application/zip": {}, "multipart/byteranges": {}}},
        304: {"description": "The caller has it."},
    },
)
@router.head("/{project_id}/download", include_in_schema=False)
async def download_artifacts(
    project_id: str, request: Request, database: DatabaseDep, settings: SettingsDep
) -> Response:
    """The newest bundle as a ZIP; without asking for it again where `If-None-Match` has its ETag."""
    _, bundle = await database.read(_summarise, project_id)
    if bundle is not None:
        path = artifact_file(settings, bundle)
        found = await file_response(request, path, bundle, f"{project_id}.zip")
        if found is not None:
            return found
    await _refuse_removed(database, project_id)
    raise NotFound(
        f"No bundle of {project_id} was made yet; POST /api/v1/artifacts/{project_id}/generate makes one."
    )


@router.get("/{project_id}", operation_id="list_artifacts")
async def list_artifacts(
    project_id: str,
    database: DatabaseDep,
    page: PageOf200,
    after: Annotated[str | None, Query(max_length=300, description="Id of the last that is known.")] = None,
    story: Annotated[str | None, Query(description="Only those of this story.")] = None,
    kind: Annotated[str | None, Query(description="Only those of this kind.")] = None,
) -> list[Artifact]:
    """The artifacts of a run in the order of their paths."""
    key = page.after(TEXT)
    known = key[0] if key is not None else after
    found = await database.read(_page, project_id, page.most, known, story, kind)
    return page.cut(found, lambda artifact: (artifact.id,))


@router.get(
    "/{project_id}/files/{artifact}",
    operation_id="download_artifact",
    response_class=FileResponse,
    responses={
        200: {"content": _FILE},
        206: {"content": {**_FILE, "multipart/byteranges": {}}},
        304: {"description": "The caller has it."},
    },
)
@router.head("/{project_id}/files/{artifact}", include_in_schema=False)
async def download_artifact(
    project_id: str, artifact: str, request: Request, database: DatabaseDep, settings: SettingsDep
) -> Response:
    """One artifact by its id, as it is on disk."""
    try:
        known = await database.read(_artifact, project_id, artifact)
    except NotFound:
        await _refuse_removed(database, project_id)
        raise
    found = await file_response(request, artifact_file(settings, known), known)
    if found is None:
        raise NotFound(f"The file of {artifact} is no longer on disk.", artifact=artifact)
    return found


@router.delete("/{project_id}/artifacts", operation_id="delete_artifacts")
async def delete_artifacts(
    project_id: str, database: DatabaseDep, settings: SettingsDep, acting: ActingDep
) -> ArtifactsDeleted:
    """Remove every artifact of an ended run from the index and from disk."""
    actor = acting.named("unknown")
    return _deleted(project_id, await remove_artifacts(database, settings, project_id, ASKED, actor))


@router.post("/cleanup-old", operation_id="clean_up_old_artifacts")
async def clean_up_old_artifacts(
    body: CleanUp, database: DatabaseDep, settings: SettingsDep, acting: ActingDep
) -> list[ArtifactsDeleted]:
    """Remove the artifacts of all runs that ended long ago; one that still runs keeps its own."""
    found = await database.read(old_runs, body.days)
    if body.dry_run:
        listed = [(run, (await database.read(_summarise, run))[0]) for run in found]
    else:
        actor = acting.named("unknown")
        listed = [(run, await remove_artifacts(database, settings, run, ASKED, actor)) for run in found]
    return [_deleted(run, removed) for run, removed in listed]


def _deleted(project: str, removed: list[Artifact]) -> ArtifactsDeleted:
    size = sum(artifact.bytes for artifact in removed)
    return ArtifactsDeleted(project=project, deleted=len(removed), bytes=size)


def _summarise(session: Session, project: str) -> tuple[list[Artifact], Artifact | None]:
    runs.get_run(session, project)
    return artifacts.list_artifacts(session, project), newest_bundle(session, project)


def _page(
    session: Session, project: str, limit: int, after: str | None, story: str | None, kind: str | None
) -> list[Artifact]:
    runs.get_run(session, project)
    return artifacts.page_of_artifacts(session, project, limit=limit, after=after, story=story, kind=kind)


def _artifact(session: Session, project: str, id: str) -> Artifact:
    runs.get_run(session, project)
    return artifacts.artifact_of(session, project, id)


async def _refuse_removed(database: Database, project: str) -> None:
    """Say so where artifacts are missing because they were removed."""
    event = await database.read(last_removal, project)
    if event is None:
        return
    reason = str(event.data["reason"])
    raise ArtifactsRemoved(
        f"The artifacts of {project} were removed on {event.at:%Y-%m-%d}: {reason}. "
        f"POST /api/v1/artifacts/{project}/generate makes a bundle of what the database and git still know.",
        reason=reason,
        removed_at=event.at.isoformat(),
        actor=event.actor,
    )
