"""Whether a run is complete: how far it is, what is missing, and a person's word that it is done."""

from __future__ import annotations

import hashlib

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from activities.run_summary import read_summary
from api.deps import ClientDep, DatabaseDep
from api.downloads import is_known
from api.permissions import ActingDep
from api.steering import SteerReply, SteerRequest, give_steer
from paceline.domain.completion import CompletionCheck
from paceline.domain.completion_summary import completion_summary
from paceline.domain.exchange import CheckRequest, Completion, ForceRequest
from paceline.domain.steering import SteerAction
from paceline.store import completion

MARKDOWN = "text/markdown; charset=utf-8"

router = APIRouter(prefix="/projects", tags=["completion"])


@router.get("/{project}/completion", operation_id="get_completion")
async def get_completion(project: str, database: DatabaseDep) -> Completion:
    """How far the run is, derived from its stories, and what is missing."""
    return await database.read(completion.overview, project)


@router.get(
    "/{project}/summary",
    operation_id="get_completion_summary",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/markdown": {}}}, 304: {"description": "The caller has it."}},
)
async def get_completion_summary(project: str, request: Request, database: DatabaseDep) -> Response:
    """The completion summary as markdown, which the reader of plans reads back to the same counts."""
    text = completion_summary(await read_summary(database, project)).encode()
    etag = hashlib.sha256(text).hexdigest()
    headers = {"ETag": f'"{etag}"', "Cache-Control": "private, no-cache"}
    if is_known(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(text, media_type=MARKDOWN, headers=headers)


@router.post("/{project}/check-completion", operation_id="check_completion")
async def check_completion(
    project: str, database: DatabaseDep, acting: ActingDep, body: CheckRequest | None = None
) -> CompletionCheck:
    """Look at the criteria again; changes nothing but an event that says what was found."""
    wish = body or CheckRequest()
    actor = acting.named(wish.actor)
    return await database.write(completion.check, project, wish.criteria, actor, acting.fresh_id())


@router.post(
    "/{project}/force-complete", operation_id="force_complete", responses={202: {"model": SteerReply}}
)
async def force_complete(
    project: str,
    body: ForceRequest,
    response: Response,
    database: DatabaseDep,
    client: ClientDep,
    acting: ActingDep,
) -> SteerReply:
    """Complete the run as it is: what has not ended counts as done; the log keeps who said so, and why."""
    actor = acting.named(body.actor)
    id = body.id or acting.fresh_id()
    wish = SteerRequest(id=id, action=SteerAction.FORCE_COMPLETE, actor=actor, reason=body.reason)
    reply = await give_steer(database, client, project, wish)
    if reply.state == "sent":
        response.status_code = 202
    return reply
