"""The text of a plan as its readers see it: checked for bytes that no plan has, with its outline at hand."""

from __future__ import annotations

import codecs
import hashlib
import re
from functools import cached_property

from paceline.domain.plan import Source
from paceline.errors import PlanUnreadable
from paceline.plans.front_matter import front_matter_of
from paceline.plans.mojibake import Repaired, repair
from paceline.plans.outline import Section, read_outline

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks; without one a text is UTF-8."""
_FORMATS = (
    (b"PK\x03\x04", "an archive such as a Word document"),
    (b"%PDF-", "a PDF"),
    (b"{\\rtf", "rich text"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"\x1f\x8b", "compressed"),
)
"""How the files begin that people write in other programs."""
_HEAD = 1_000
"""Characters at the start that tell what a file is."""
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
        return read_outline(front_matter_of(self.text)[1])

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
        data: UTF-8, with or without a byte order mark, or UTF-16 or UTF-32 with one.
        file: its name, for messages only.

    Raises:
        PlanUnreadable: the bytes are those of a program's format, or not in their encoding throughout.
    """
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8-sig")
    format_ = next((name for start, name in _FORMATS if data.startswith(start)), None)
    if format_ is not None:
        raise PlanUnreadable(f"{_place(file)}this is {format_}; save its text as markdown.", file=file)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-sig").upper()
        line = len(_NEWLINE.findall(data[: error.start].decode(encoding, "replace"))) + 1
        guess = " (it may be Windows-1252 or Latin-1)" if name == "UTF-8" and b"\0" not in data else ""
        message = f"{_place(file)}line {line} is not {name}{guess}; save the plan as UTF-8 and read it again."
        raise PlanUnreadable(message, file=file, line=line) from None


def _refuse_binary(text: str, file: str | None) -> None:
    position = text.find("\0")
    what = "a NUL character"
    if position < 0:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            position, what = error.start, "half of a surrogate pair"
    if position < 0:
        return
    line = len(_NEWLINE.findall(text, 0, position)) + 1
    remedy = "remove it"
    if text[:_HEAD].count("\0") * 3 > len(text[:_HEAD]):
        remedy = "save it as UTF-8, if it is UTF-16"
    message = f"{_place(file)}line {line} contains {what}, so this is not a text; {remedy}."
    raise PlanUnreadable(message, file=file, line=line)


def _place(file: str | None) -> str:
    return f"{file}: " if file else "The plan: "
