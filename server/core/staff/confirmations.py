"""A confirmation acts on what was shown.

A form stays open while others act. So it carries a key of each thing that it names: ids,
generations, and the numbers that people rely on. The step compares these keys with its own reading
of the database, in its transaction, and changes nothing if they differ. Pages use
`server.web.shown`.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable

from badges.i18n import N_, Count, Phrase, Spoken, joined

LISTED_MAX = 10


class ShownChangedError(Spoken, ValueError):
    """What a form named is no longer what there is. The sentence names what appeared and what is
    gone.
    """


def require_shown(
    shown: Collection[str], present: Collection[str], label: Callable[[str], str]
) -> None:
    """Raises ShownChangedError unless both have the same keys. `label` is how people call a key's
    thing; a key from a form may be anything.
    """
    appeared, gone = set(present) - set(shown), set(shown) - set(present)
    if not appeared and not gone:
        return
    new, old = _listed(appeared, label), _listed(gone, label)
    if not gone:
        raise ShownChangedError(
            N_("meanwhile this has changed. New: %(appeared)s. Check the page, and confirm it."),
            appeared=new,
        )
    if not appeared:
        raise ShownChangedError(
            N_("meanwhile this has changed. Gone: %(gone)s. Check the page, and confirm it."),
            gone=old,
        )
    raise ShownChangedError(
        N_(
            "meanwhile this has changed. New: %(appeared)s. Gone: %(gone)s. Check the page, and "
            "confirm it."
        ),
        appeared=new,
        gone=old,
    )


def digest(keys: Iterable[str]) -> str:
    """Return one key that stands for many: their number, and a hash of the keys in any order."""
    ordered = sorted(keys)
    hashed = hashlib.sha256("\n".join(ordered).encode()).hexdigest()
    return f"{len(ordered)}:{hashed[:32]}"


def require_digest(shown: str, present: Iterable[str]) -> None:
    """Like `require_shown`, for more keys than a form can carry."""
    now = digest(present)
    if shown == now:
        return
    before, after = (Count(_number(key)) for key in (shown, now))
    raise ShownChangedError(
        N_(
            "meanwhile the list has changed: it had %(before)s entries when the page was opened, "
            "and has %(after)s now. Check the page, and confirm it."
        ),
        before=before,
        after=after,
    )


def _number(key: str) -> int:
    number = key.partition(":")[0]
    return int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0


def _listed(keys: Collection[str], label: Callable[[str], str]) -> str:
    labels: list[str] = [label(key) for key in sorted(keys)[:LISTED_MAX]]
    more = len(keys) - len(labels)
    if more:
        labels.append(Phrase("and %(more)s more", more=Count(more)))
    return joined(", ", labels)
