"""What a step changes outside the database (files, jobs, memory): after the commit, or not at all.

A commit can fail after its step has run: the disk is full, or the connection is lost. A step that
had deleted a file by then would have lost it, although its caller is told that nothing was changed.
So a step only registers an effect, with `after_commit`.

Effects run on the writer's thread, in the order of the commits and of the steps, before the step's
caller gets its result. So they must be fast, and a later step sees what they did. What can fail,
such as a write to a full disk, belongs into the step, under a name that nobody reads
(`durable_files.prepare`); the effect then only puts it in place.

If the process dies between the commit and an effect, the effect is lost, as it is if the connection
was lost before the database's answer. Files to delete are in the database until they are gone
(`server/storage/files_to_delete.py`); a prepared file goes with the next one of its name.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from server.storage.connection import Connection

log = logging.getLogger(__name__)


class EffectError(Exception):
    """The commit stands, but something that follows from it could not be done."""


class Effect(NamedTuple):
    do: Callable[[], object]
    undo: Callable[[], object] | None  # what to do instead if the commit fails


class Registered:
    """The effects of the step that runs on a connection."""

    def __init__(self) -> None:
        self._effects: list[Effect] | None = None

    def begin(self) -> None:
        self._effects = []

    def add(self, effect: Effect) -> None:
        if self._effects is None:
            raise RuntimeError("effects are for the steps of Database.write")
        self._effects.append(effect)

    def take(self) -> list[Effect]:
        """Return the effects. The step has ended."""
        effects, self._effects = self._effects or [], None
        return effects


def attach(db: Any) -> None:
    """Let steps on the writer's connection register effects."""
    db.effects = Registered()


def after_commit(
    db: Connection, do: Callable[[], object], *, undo: Callable[[], object] | None = None
) -> None:
    """Call `do` once the step's commit is on disk, or `undo` if the step or its commit fails.

    If `do` raises, later effects run all the same, and `Database.write` raises EffectError. Raises
    RuntimeError outside a step of `Database.write`.
    """
    _of(db).add(Effect(do, undo))


def begin(db: Connection) -> None:
    _of(db).begin()


def take(db: Connection) -> list[Effect]:
    return _of(db).take()


def run(effects: Sequence[Effect]) -> EffectError | None:
    """Run effects after the commit, and return the last failure."""
    failure = None
    for effect in effects:
        try:
            effect.do()
        except Exception as error:
            # The error's text may contain names.
            log.error("an effect of a commit failed: %s", type(error).__name__)
            failure = EffectError(type(error).__name__)
            failure.__cause__ = error
    return failure


def give_up(effects: Sequence[Effect]) -> None:
    """Undo preparations, the latest first, because the step or its commit failed."""
    for effect in reversed(effects):
        try:
            if effect.undo is not None:
                effect.undo()
        except Exception as error:
            log.error("a preparation was not undone: %s", type(error).__name__)


def _of(db: Any) -> Registered:
    registered: Registered = db.effects
    return registered
