"""Starting a sprint from a plan."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from api.deps import ClientDep, DatabaseDep
from api.permissions import ActingDep
from api.security import PLAN_LIMIT
from api.starts import start_run
from paceline.domain.exchange import StartReply, StartRequest
from paceline.domain.status import RunOptions
from paceline.plans.document import decode_plan

router = APIRouter(prefix="/sprints", tags=["sprints"])

_FORM_FIELDS = ("repository", "project", "rerun")
_MULTIPART_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["plan"],
    "properties": {
        "plan": {"type": "string", "format": "binary", "description": "The plan's file."},
        "options": {"type": "string", "description": "RunOptions as JSON."},
        "repository": {"type": "string"},
        "project": {"type": "string"},
        "rerun": {"type": "boolean"},
    },
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": StartRequest.model_json_schema(ref_template="#/components/schemas/{model}")
            },
            "multipart/form-data": {"schema": _MULTIPART_SCHEMA},
        },
    }
}


@router.post(
    "",
    operation_id="start_sprint",
    status_code=201,
    responses={200: {"model": StartReply, "description": "The same plan runs or ran; attached to it."}},
    openapi_extra=_BODY,
)
async def start_sprint(
    request: Request, response: Response, database: DatabaseDep, client: ClientDep, acting: ActingDep
) -> StartReply:
    """Start a run of a plan, as JSON or as a file upload; the same plan again attaches to its run."""
    wanted = await _read_request(request)
    reply = await start_run(wanted, database, client, acting.within, acting.keyed_id)
    acting.about(reply.run.id)
    response.status_code = 200 if reply.attached else 201
    response.headers["Location"] = f"/api/v1/projects/{reply.run.id}"
    return reply


async def _read_request(request: Request) -> StartRequest:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if media_type == "application/json":
            wanted = StartRequest.model_validate_json(await request.body())
        elif media_type == "multipart/form-data":
            wanted = StartRequest.model_validate(await _read_form(request))
        else:
            raise HTTPException(415, "Send the plan as application/json or as multipart/form-data.")
    except ValidationError as error:
        entries = error.errors(include_input=False, include_url=False, include_context=False)
        raise RequestValidationError(
            [{**entry, "loc": ("body", *entry["loc"])} for entry in entries]
        ) from error
    if wanted.size() > PLAN_LIMIT:
        raise HTTPException(413, f"The plan is larger than {PLAN_LIMIT // 1024} KiB.")
    return wanted


async def _read_form(request: Request) -> dict[str, Any]:
    async with request.form(max_files=1, max_fields=8) as form:
        upload = form.get("plan")
        found: dict[str, Any] = {name: form[name] for name in _FORM_FIELDS if name in form}
        options = form.get("options")
        if isinstance(upload, UploadFile):
            found["file"] = upload.filename or None
            found["plan"] = decode_plan(await upload.read(), upload.filename or None)
        elif upload is not None:
            found["plan"] = upload
        if isinstance(options, str) and options.strip():
            found["options"] = _parse(options)
    return found


def _parse(options: str) -> dict[str, Any]:
    return RunOptions.model_validate_json(options).model_dump()
