"""The text of a plan as its readers see it: checked for bytes that no plan has, with its outline at hand."""

from __future__ import annotations

import hashlib
import re
from functools import cached_property

from paceline.domain.plan import Source
from paceline.errors import PlanUnreadable
from paceline.plans.mojibake import Repaired, repair
from paceline.plans.outline import Section, read_outline

_NEWLINE = re.compile(r"\r\n?|\n")


class Document:
    """A plan's text: `raw` is as written, `text` the same with what a wrong decoding damaged repaired.

    Args:
        text: all of it.
        file: its name, for messages only.

    Raises:
        PlanUnreadable: it contains a NUL or half of a surrogate pair.
    """

    def __init__(self, text: str, file: str | None = None) -> None:
        text = text.removeprefix("\ufeff")
        _refuse_binary(text, file)
        self.raw = text
        self.file = file

    @cached_property
    def repaired(self) -> Repaired:
        """The text after the repair, and where there was one."""
        return repair(self.raw)

    @property
    def text(self) -> str:
        """What readers read."""
        return self.repaired.text

    @cached_property
    def outline(self) -> Section:
        """The root of the tree of sections."""
        return read_outline(self.text)

    def source(self, kind: str) -> Source:
        """What the normal form says of where it was read from."""
        return Source(
            file=self.file,
            kind=kind,
            lines=len(_NEWLINE.split(self.raw)) - self.raw.endswith(("\n", "\r")),
            digest=hashlib.sha256(self.raw.encode()).hexdigest(),
        )


def decode_plan(data: bytes, file: str | None = None) -> str:
    """The text of a plan's bytes.

    Args:
        data: UTF-8, with or without a byte order mark.
        file: its name, for messages only.

    Raises:
        PlanUnreadable: the bytes are not UTF-8 throughout.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"{_place(file)}line {line} is not UTF-8; save the plan as UTF-8 and read it again."
        raise PlanUnreadable(message, file=file, line=line) from None


def _refuse_binary(text: str, file: str | None) -> None:
    position = text.find("\0")
    what = "a NUL character"
    if position < 0:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            position, what = error.start, "half of a surrogate pair"
    if position >= 0:
        line = text.count("\n", 0, position) + 1
        message = f"{_place(file)}line {line} contains {what}, so this is not a text; remove it."
        raise PlanUnreadable(message, file=file, line=line)


def _place(file: str | None) -> str:
    return f"{file}: " if file else "The plan: "
