"""Names in an archive: safe on every system, and each taken once."""

from __future__ import annotations

from pathlib import PureWindowsPath

from hypothesis import given
from hypothesis import strategies as st

from paceline.domain.member_names import PART_LIMIT, MemberNames, safe_part

_RESERVED = {"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(10))}
HOSTILE = [
    "..",
    "../..",
    "C:\\x",
    "/etc/passwd",
    "CON",
    "nul.txt",
    "a\x00b",
    "LPT1.log",
    " . ",
    "x.",
    "\u202e",
    "",
]
names = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=150), st.sampled_from(["a", "A", "a.log", "A.LOG"])
)


@given(names)
def test_a_part_is_safe_everywhere(text: str) -> None:
    part = safe_part(text)
    assert part
    assert len(part) <= PART_LIMIT
    assert part.isascii()
    assert part.isprintable()
    assert not set(part) & set('/\\:*?"<>| ')
    assert part[0] != "."
    assert part[-1] != "."
    assert PureWindowsPath(part).stem.split(".")[0].lower() not in _RESERVED
    assert safe_part(part) == part


@given(st.lists(st.lists(names, min_size=1, max_size=4), max_size=30))
def test_no_two_files_meet_and_none_is_a_folder(files: list[list[str]]) -> None:
    taken = MemberNames()
    found = [taken.take(*parts, mark=str(at)).lower() for at, parts in enumerate(files)]
    assert len(set(found)) == len(found)
    folders = {name.rsplit("/", depth)[0] for name in found for depth in range(1, name.count("/") + 1)}
    assert not folders & set(found)
    assert all(".." not in name.split("/") and not name.startswith("/") for name in found)
