"""The texts that a plan is read from: a file, standard input, or a folder's, all of them bounded."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from paceline.cli.plan_folder import walk
from paceline.domain.exchange import PlanTexts
from paceline.domain.plan import Plan
from paceline.errors import PlanUnreadable
from paceline.plans.document import decode_plan
from paceline.plans.folder import read_folder
from paceline.plans.reader import read_plan

SIZE_LIMIT = 32 * 1024 * 1024
"""Bytes of a file, and of a folder's files together; 10,000 stories are about 5 MB."""
_LIMIT = f"{SIZE_LIMIT // 1024 // 1024} MiB"


@dataclass(frozen=True)
class PlanSource:
    """What a plan is written in.

    Args:
        name: the file's or the folder's; None for standard input.
        texts: each by its path in the folder; of a single file by `name`.
        is_folder: whether it is one, even with a single file in it.
    """

    name: str | None
    texts: dict[str, str]
    is_folder: bool = False

    @property
    def text(self) -> str:
        """The text of a plan that is no folder."""
        return next(iter(self.texts.values()), "")

    @property
    def sent(self) -> PlanTexts:
        """The texts as the API takes them."""
        if self.is_folder:
            return PlanTexts(files=self.texts, file=self.name)
        return PlanTexts(plan=self.text, file=self.name)

    def read(self) -> Plan:
        """The plan.

        Raises:
            PlanUnreadable: it is none.
        """
        return read_folder(self.texts, self.name) if self.is_folder else read_plan(self.text, self.name)


def read_source(plan: str) -> PlanSource:
    """The texts of a plan.

    Args:
        plan: a path, or `-` for standard input.

    Raises:
        PlanUnreadable: it is no text, too large, or neither a file nor a folder.
        OSError: it cannot be opened.
    """
    if plan == "-":
        data = sys.stdin.buffer.read(SIZE_LIMIT + 1)
        if len(data) > SIZE_LIMIT:
            raise _too_large("The plan")
        return PlanSource(None, {"": decode_plan(data)})
    if "\0" in plan:
        raise PlanUnreadable("The path of the plan contains a NUL character; give the path of a plan.")
    if not plan:
        raise PlanUnreadable("The path of the plan is empty; give the path of a plan.")
    path = Path(plan)
    data = _read_file(path)
    if data is None:
        return _read_texts(path)
    if len(data) > SIZE_LIMIT:
        raise _too_large(plan)
    return PlanSource(path.name, {path.name: decode_plan(data, path.name)})


def _read_texts(folder: Path) -> PlanSource:
    texts: dict[str, str] = {}
    left = SIZE_LIMIT
    for relative in walk(folder):
        data = _read_file(folder / relative, left) or b""
        left -= len(data)
        if left < 0:
            raise PlanUnreadable(
                f"{folder} has more than {_LIMIT} of texts (up to {relative}); "
                "give the folder that has nothing but the plan."
            )
        texts[relative] = decode_plan(data, relative)
    return PlanSource(folder.resolve().name or None, texts, is_folder=True)


def _read_file(path: Path, limit: int = SIZE_LIMIT) -> bytes | None:
    """The bytes of a file, at most one more than the limit; None where the path is a folder's."""
    # Without O_NONBLOCK a pipe that nobody writes to would hold the open for ever.
    opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(opened).st_mode
        if stat.S_ISDIR(mode):
            return None
        if not stat.S_ISREG(mode):
            what = "a pipe" if stat.S_ISFIFO(mode) else "a device"
            raise PlanUnreadable(
                f"{path} is {what} and no file; give the path of a plan, or - to read standard input."
            )
        with os.fdopen(opened, "rb", closefd=False) as file:
            return file.read(limit + 1)
    finally:
        os.close(opened)


def _too_large(plan: str) -> PlanUnreadable:
    return PlanUnreadable(f"{plan} has more than {_LIMIT}; divide it into several plans.")
