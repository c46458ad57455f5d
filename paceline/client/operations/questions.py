"""The operations of the tag `questions`; written by `scripts/write_client.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from urllib.parse import quote

from paceline.client.connection import Connection, Page
from paceline.domain.exchange import AnswerReply
from paceline.domain.questions import Decision, Question, QuestionKind


class QuestionsOperations(Connection):
    """Calls about questions."""

    async def list_questions(
        self,
        *,
        project: str | None = None,
        state: Literal["open", "answered", "withdrawn", "any"] | None = None,
        kind: QuestionKind | None = None,
        story: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[Question]:
        """Questions, by default the open ones."""
        return await self._ask(
            "GET",
            "/api/v1/questions",
            list[Question],
            query={
                "project": project,
                "state": state,
                "kind": kind,
                "story": story,
                "limit": limit,
                "cursor": cursor,
            },
        )

    async def get_question(self, question: str) -> Question:
        """One question with its answer, if it has one; 304 where it is known."""
        return await self._ask("GET", f"/api/v1/questions/{_quoted(question)}", Question)

    async def answer_question(
        self,
        question: str,
        *,
        decision: Decision,
        if_match: str | None = None,
        text: str | None = None,
        actor: str | None = None,
        chosen: Sequence[str] | None = None,
    ) -> AnswerReply:
        """Answer a question; 202 where no worker runs to take it now, 409 where somebody was faster."""
        return await self._ask(
            "POST",
            f"/api/v1/questions/{_quoted(question)}/answer",
            AnswerReply,
            body={"decision": decision, "text": text, "actor": actor, "chosen": chosen},
            headers={"if-match": if_match},
        )


def _quoted(value: str | int) -> str:
    return quote(str(value), safe="")
