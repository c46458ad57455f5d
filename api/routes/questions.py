"""Questions that wait for people, and their answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from api.answers import give_answer
from api.deps import ClientDep, DatabaseDep, ProjectFilter
from api.etags import IfMatch, IfNoneMatch, check_match, is_known, not_modified, question_etag
from api.paging import MOMENT_TEXT, PageOf200
from api.permissions import ActingDep
from paceline.domain.access import needed_to_answer
from paceline.domain.exchange import AnswerReply, AnswerRequest
from paceline.domain.questions import Answer, Question, QuestionKind
from paceline.store import questions

router = APIRouter(prefix="/questions", tags=["questions"])

StateFilter = Annotated[
    Literal["open", "answered", "withdrawn", "any"], Query(description="Only questions in this state.")
]

KindFilter = Annotated[QuestionKind | None, Query(description="Only questions of this kind.")]
StoryFilter = Annotated[str | None, Query(description="Only those about this story.", max_length=1000)]


@router.get("", operation_id="list_questions")
async def list_questions(
    database: DatabaseDep,
    acting: ActingDep,
    page: PageOf200,
    project: ProjectFilter = None,
    state: StateFilter = "open",
    kind: KindFilter = None,
    story: StoryFilter = None,
) -> list[Question]:
    """Questions, by default the open ones."""
    wanted = None if state == "any" else state
    more: dict[str, Any] = {"kind": kind, "story": story, "after": page.after(MOMENT_TEXT)}
    found = await database.read(questions.list_questions, project, wanted, page.fetch, acting.within, **more)
    return page.cut(found, lambda question: (question.asked_at, question.id))


@router.get(
    "/{question}",
    operation_id="get_question",
    response_model=Question,
    responses={304: {"description": "The caller has this version."}},
)
async def get_question(
    question: str,
    response: Response,
    database: DatabaseDep,
    acting: ActingDep,
    if_none_match: IfNoneMatch = None,
) -> Question | Response:
    """One question with its answer, if it has one; 304 where it is known."""
    found = await database.read(questions.get_question, question, acting.within)
    etag = question_etag(found)
    if is_known(if_none_match, etag):
        return not_modified(etag)
    response.headers["ETag"] = etag
    return found


@router.post("/{question}/answer", operation_id="answer_question", responses={202: {"model": AnswerReply}})
async def answer_question(
    question: str,
    body: AnswerRequest,
    response: Response,
    database: DatabaseDep,
    client: ClientDep,
    acting: ActingDep,
    if_match: IfMatch = None,
) -> AnswerReply:
    """Answer a question; 202 where no worker runs to take it now, 409 where somebody was faster."""
    asked = await database.read(questions.get_question, question, acting.within)
    acting.about(asked.project)
    actor = acting.named(body.actor)
    acting.need(needed_to_answer(asked.kind), f"A question of the kind {asked.kind.value}")
    answer = Answer(question=question, **body.model_dump(exclude={"actor"}), actor=actor)
    if asked.answer != answer:
        # The same answer again is taken as it was.
        check_match(if_match, question_etag(asked), f"Question {question}")
    reply = await give_answer(database, client, answer)
    if reply.state == "sent":
        response.status_code = 202
    return reply
