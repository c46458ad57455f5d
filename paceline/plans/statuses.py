"""Words for the state of a task in several languages, in the same shape as the words of `labels`."""

from __future__ import annotations

from paceline.plans.fields import normal
from paceline.plans.findings import Code
from paceline.plans.marks import without_pictures
from paceline.plans.reading import Reading

STATUSES: dict[bool, dict[str, str]] = {
    True: {
        "en": "done, completed, complete, finished, closed, merged, resolved, shipped, released, yes, x",
        "de": "erledigt, fertig, abgeschlossen, geschlossen, ja",
        "es": "hecho, completado, terminado, cerrado, s\u00ed",
        "fr": "fait, termin\u00e9, achev\u00e9, ferm\u00e9, oui",
        "zh": "\u5b8c\u6210, \u5df2\u5b8c\u6210",
    },
    False: {
        "en": "pending, to do, todo, to-do, open, new, not started, draft, approved, ready, ready for dev, "
        "backlog, planned, in progress, in-progress, inprogress, doing, started, wip, review, in review, "
        "ready for review, testing, blocked, no, upcoming",
        "de": "offen, geplant, in arbeit, begonnen, blockiert, nein",
        "es": "pendiente, en curso, en progreso, bloqueado, no",
        "fr": "\u00e0 faire, en cours, bloqu\u00e9, non",
        "zh": "\u5f85\u529e, \u672a\u5f00\u59cb, \u8fdb\u884c\u4e2d",
    },
}

_WORDS: dict[str, bool] = {
    word.strip(): done
    for done, languages in STATUSES.items()
    for words in languages.values()
    for word in words.split(",")
}


def done_of(status: str | None, line: int | None, reading: Reading) -> bool | None:
    """Whether a status says that the work is done; None, with a remark, where it is no known word."""
    if status is None:
        return None
    done = _WORDS.get(normal(without_pictures(status)))
    if done is None and normal(status):
        reading.warn(
            Code.STATUS_NOT_UNDERSTOOD,
            f"The status `{status}` is none of the known words, so whether the task is done is not known.",
            "Write `done`, `pending` or `in-progress`.",
            line or 1,
        )
    return done
