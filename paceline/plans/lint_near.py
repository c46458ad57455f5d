"""What was probably meant by a name that nothing has: the nearest known one, and only if it is near."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import SequenceMatcher, get_close_matches
from functools import cached_property, lru_cache

from paceline.plans.targets import key

_LONGEST = 64
"""Characters of a name that is looked up; a longer one is no slip of the keyboard."""
_BUCKET = 50
"""Known names that one misspelling may lead to."""
_KINDS = ("story", "stories", "epic", "epics", "task", "tasks")
_KIND_ALIKE = 0.85
_ALIKE = 0.5
"""Of `Story 9` no digit is right, so `Story 1` is not near; of `Story 11` one of two is."""


class Nearest:
    """Known names by their misspellings: a letter too many, too few, wrong, or two in the wrong order.

    Args:
        known: the names that are right.

    Every form of a name with one letter left out leads to it (Garbe, "SymSpell", 2012), so that a look-up
    costs what the name is long and not how many are known.
    """

    def __init__(self, known: Sequence[str]) -> None:
        self._known = known

    @cached_property
    def _by_form(self) -> dict[str, list[str]]:
        """Most plans have no wrong name, and need none of this."""
        found: dict[str, list[str]] = {}
        for name in dict.fromkeys(self._known):
            for form in _forms(name):
                bucket = found.setdefault(form, [])
                if len(bucket) < _BUCKET:
                    bucket.append(name)
        return found

    def find(
        self, name: str, fits: Callable[[str], bool] = lambda _: True, *, least: float = _ALIKE
    ) -> str | None:
        """The known name that is nearest.

        Args:
            name: as it is written.
            fits: whether a known name can be meant.
            least: how alike they must be, between 0 and 1; more than the half that is right for ids.

        Returns:
            The best that fits; None where none is near, or where several are equally near.
        """
        candidates = dict.fromkeys(each for form in _forms(name) for each in self._by_form.get(form, []))
        alike = [(_likeness(name, each), each) for each in candidates]
        best = [pair for pair in alike if pair[0] > least and fits(pair[1])]
        best.sort(key=lambda pair: -pair[0])
        if not best or (len(best) > 1 and best[0][0] == best[1][0]):
            return None
        return best[0][1]


def bare(name: str) -> str:
    """What tells a name from others of its kind: `1.2` of `Story 1.2`, also where the kind is misspelt."""
    word, blank, rest = key(name).partition(" ")
    return rest if blank and _is_kind(word) else f"{word}{blank}{rest}"


@lru_cache(maxsize=1_024)
def _is_kind(word: str) -> bool:
    return word in _KINDS or bool(get_close_matches(word[:_LONGEST], _KINDS, n=1, cutoff=_KIND_ALIKE))


def _forms(name: str) -> list[str]:
    whole = bare(name)
    if len(whole) > _LONGEST:
        return []
    return [whole, *(whole[:at] + whole[at + 1 :] for at in range(len(whole)))]


def _likeness(name: str, known: str) -> float:
    """Between 0 and 1; a whole name that is the same but for its kind comes first."""
    return SequenceMatcher(None, bare(name), bare(known), autojunk=False).ratio()
