"""The human agent: a story that is a question, closed by a person."""

from __future__ import annotations

from paceline.domain.work import WorkOrder

LIMIT = 20_000


def question_text(order: WorkOrder) -> str:
    """What a person is asked for a human story, as markdown of at most 20,000 characters."""
    parts = [
        f"**{order.story}: {' '.join(order.title.split())}** is for a person ({', '.join(order.agents)})."
    ]
    if order.description:
        parts.append(order.description.strip())
    if order.tasks:
        parts.append("To do:\n\n" + "\n".join(f"{at}. {task}" for at, task in enumerate(order.tasks, 1)))
    if order.acceptance_criteria:
        parts.append("It is done when:\n\n" + "\n".join(f"- {text}" for text in order.acceptance_criteria))
    if order.delivered:
        parts.append(
            "It builds on " + ", ".join(f"{done.story} ({done.title})" for done in order.delivered) + "."
        )
    if order.amendments:
        parts.append("Said before:\n\n" + "\n\n".join(order.amendments))
    ending = "Approve when it is done, amend to say what is still open, reject to give it up."
    body = "\n\n".join(parts)
    room = LIMIT - len(ending) - 10
    return f"{body if len(body) <= room else body[:room] + ' [...]'}\n\n{ending}"
