"""File lists as plans write them: paths in backticks or bare, `(new)` marks, directories, and words."""

from __future__ import annotations

from dataclasses import dataclass, field

from paceline.domain.plan import File, OwnedResources
from paceline.plans.fields import split_parenthesis
from paceline.plans.inline import code_spans
from paceline.plans.splitting import split_outside
from paceline.plans.targets import key
from paceline.plans.wording import stem, stems

_NEW = frozenset({"new", "new file", "create", "created", "to create"})
_PLAIN = frozenset({"modified", "modify", "existing", "update", "updated", "edit", "change", "changed"})
_NOTHING = frozenset({"none", "n/a", "-", "\u2014"})


@dataclass(slots=True)
class FileList:
    """What a list of files says."""

    files: list[File] = field(default_factory=list[File])
    words: list[str] = field(default_factory=list[str])
    """Entries that are no path."""
    globs: list[str] = field(default_factory=list[str])
    """Directories that words name in backticks, as globs."""
    exact: bool = True
    """Whether paths and new marks say all that is written."""


def read_files(values: list[str], *, new: bool = False) -> FileList:
    """Read file lists.

    Args:
        values: one text for every line or bullet; each may hold several paths with commas between.
        new: whether the label itself says that the files are new.
    """
    found = FileList()
    for value in values:
        for part in split_outside(value, ",;"):
            _read_part(part, new, found)
    return found


def globs_for_words(words: str, owned: list[OwnedResources]) -> list[str]:
    """The globs that a file list in words means.

    Args:
        words: such as `Test files only`.
        owned: what the plan's agents own; an entry in words that shares its nouns lends its globs.

    Returns:
        Globs, or nothing where the words fit none.
    """
    wanted = stems(words) - {stem("file")}
    found: list[str] = []
    for resources in owned:
        known = {stem for other in resources.other for stem in stems(other)}
        if wanted and wanted <= known:
            found.extend(resources.globs)
    if not found and "test" in wanted:
        found.append("tests/**")
    return list(dict.fromkeys(found))


def as_glob(path: str) -> str:
    """A directory as the glob of everything in it; other paths as they are."""
    return f"{path}**" if path.endswith("/") else path


def _read_part(part: str, new: bool, found: FileList) -> None:
    name, mark = split_parenthesis(part)
    if key(name) in _NOTHING:
        found.words.append(part)
        found.exact = False
        return
    spans = code_spans(name)
    path = _single_path(name, spans)
    known_mark = mark is None or key(mark) in _NEW | _PLAIN
    found.exact = found.exact and path is not None and known_mark
    if path is None or not (known_mark or spans):
        found.words.append(part)
        found.globs.extend(as_glob(span) for span in spans if span.endswith("/") or "*" in span)
        return
    found.files.append(File(path=as_glob(path), new=new or (mark is not None and key(mark) in _NEW)))


def _single_path(name: str, spans: list[str]) -> str | None:
    if len(spans) == 1 and name.strip("` ") == spans[0].strip():
        return spans[0].strip()
    if spans or not name or any(blank in name for blank in " \t"):
        return None
    return name if any(mark in name for mark in "/.*\\") else None
