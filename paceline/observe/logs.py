"""One way for everything that is logged: our modules, uvicorn, Temporal's SDK and its core.

A line carries what it is about (`paceline.observe.context`), taken from the task that logs, from the workflow
or activity that does, and from the trace. Secrets are taken out of every value and of the finished line.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TextIO, cast

from structlog.contextvars import merge_contextvars
from structlog.stdlib import ProcessorFormatter

from paceline.observe.context import FIELDS
from paceline.observe.redaction import Redactor
from paceline.observe.tracing import current_ids
from paceline.settings import Settings

Format = Literal["text", "json"]
Entry = MutableMapping[str, Any]

HANDLER = "paceline"
"""Name of the one handler that this module puts on the root logger."""
_OTHERS = dict.fromkeys(("httpx2", "httpcore2", "alembic.runtime.migration"), logging.WARNING)
"""At INFO and below two write the address of each request, which may be a secret, and the third two lines
whenever somebody asks whether the schema is the newest, as every probe of `/ready` does."""
_CONTROL = {number: f"\\x{number:02x}" for number in (*range(9), *range(11, 32), *range(127, 160))} | {
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\u2028"): "\\u2028",
    ord("\u2029"): "\\u2029",
}
_JSON = {number: f"\\u{number:04x}" for number in (*range(127, 160), 0x2028, 0x2029)}


def set_up_logging(settings: Settings, *, file: Path | None = None, stream: TextIO | None = None) -> None:
    """Have this process log in one way; a second call replaces the first.

    Args:
        settings: format, level, and the secrets that no line may show.
        file: where to; None: to `stream`.
        stream: None: standard error.
    """
    handler: logging.Handler = (
        logging.FileHandler(file, encoding="utf-8") if file else logging.StreamHandler(stream or sys.stderr)
    )
    handler.set_name(HANDLER)
    handler.setFormatter(formatter(settings.log_format, Redactor.of(settings)))
    root = logging.getLogger()
    for old in [each for each in root.handlers if each.get_name() == HANDLER]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(settings.log_level.upper())
    for name, least in _OTHERS.items():
        logging.getLogger(name).setLevel(least)
    _quiet_temporal()


def formatter(form: Format, redactor: Redactor) -> logging.Formatter:
    """Writes one record as one line (text: with its traceback below it)."""

    def redact(_logger: Any, _name: str, entry: Entry) -> Entry:
        return {name: redactor.value(value) for name, value in entry.items()}

    def render(_logger: Any, _name: str, entry: Entry) -> str:
        # Once more as a whole: a secret may come together only in the line.
        return redactor.text(_as_json(entry) if form == "json" else _as_text(entry))

    return ProcessorFormatter(
        foreign_pre_chain=[merge_contextvars, _describe],
        processors=[ProcessorFormatter.remove_processors_meta, redact, render],
    )


def _quiet_temporal() -> None:
    """Temporal's loggers append a dictionary to each message; its fields are in the line already."""
    from temporalio import activity, workflow

    workflow.logger.workflow_info_on_message = False
    activity.logger.activity_info_on_message = False


def _describe(_logger: Any, _name: str, entry: Entry) -> Entry:
    """Time, level and logger of a record, and what it is about."""
    record = cast(logging.LogRecord, entry["_record"])
    entry["time"] = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    entry["level"] = record.levelname.lower()
    entry["logger"] = record.name
    for name, value in {**_of_workflow(record), **_of_trace()}.items():
        entry.setdefault(name, value)
    for name in FIELDS:
        if name in record.__dict__:
            entry[name] = record.__dict__[name]
    raised = entry.pop("exc_info", None)
    if raised:
        entry["exception"] = _traceback(raised)
    return entry


def _traceback(
    raised: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
) -> str:
    return "".join(traceback.format_exception(*raised)).rstrip() if raised[0] is not None else ""


def _of_trace() -> dict[str, str]:
    ids = current_ids()
    return {} if ids is None else {"trace_id": ids[0], "span_id": ids[1]}


def _of_workflow(record: logging.LogRecord) -> dict[str, object]:
    """What Temporal's loggers know of where they log, as our fields."""
    activity: object = getattr(record, "temporal_activity", None)
    known: object = getattr(record, "temporal_workflow", None) or activity
    if not isinstance(known, Mapping):
        return {}
    facts = cast(Mapping[str, object], known)
    found = fields_of_workflow(str(facts.get("workflow_id") or ""))
    if known is activity:
        found["activity"] = str(facts.get("activity_type") or "")
    return found


def fields_of_workflow(workflow_id: str) -> dict[str, object]:
    """What a workflow's id says: `webrtc/sprint-1/epic-2/story-2.2`, as `paceline.domain.ids` makes them.

    Sprint, epic and story are the slugs of their ids.
    """
    if not workflow_id:
        return {}
    found: dict[str, object] = {"workflow_id": workflow_id}
    head, *rest = workflow_id.split("/")
    found["project"] = head.partition("@")[0]
    if "@" not in workflow_id and rest[:1] != ["rollback"]:
        found |= dict(zip(("sprint", "epic", "story"), rest, strict=False))
    return found


# Lines ---


def _ordered(entry: Entry) -> dict[str, Any]:
    first = ("time", "level", "logger", "event")
    names = [*first, *(name for name in FIELDS if name in entry)]
    rest = sorted(set(entry) - set(names) - {"exception"})
    return {name: entry[name] for name in [*names, *rest] if name in entry}


def _as_json(entry: Entry) -> str:
    ordered = _ordered(entry)
    if entry.get("exception"):
        ordered["exception"] = entry["exception"]
    # What JSON need not escape, and some readers take for the end of a line.
    return json.dumps(ordered, ensure_ascii=False, default=str).translate(_JSON)


def _as_text(entry: Entry) -> str:
    ordered = _ordered(entry)
    time, level, logger, event = (ordered.pop(name, "") for name in ("time", "level", "logger", "event"))
    about = " ".join(f"{name}={_plain(value)}" for name, value in ordered.items())
    line = f"{time} {str(level).upper()} {logger}: {_plain(event)}" + (f" ({about})" if about else "")
    if not entry.get("exception"):
        return line
    # Indented, so that no line of a traceback can be taken for an entry of the log.
    below = [f"  {_plain(each)}" for each in str(entry["exception"]).splitlines()]
    return "\n".join([line, *below])


def _plain(value: object) -> str:
    """Without control characters: what an agent or a caller wrote must not end the line."""
    return str(value).translate(_CONTROL)
