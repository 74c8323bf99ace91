"""Compares the doors' answers with the truth and with the ledger. It shares no code with `decide`.

The right answers follow from the script, from earlier admissions and their doors, and from network
outages. If a door may or may not know a fact, several answers are right.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from server.demo.script import REFUSED, SHARED, Presentation

ADMITTED = "admitted"
FULL = "hall_full"
INSIDE = "already_inside"
HEARD_MS = 2_000  # By then all connected doors know of an entry.
# By then a reconnected door has all changes.
CAUGHT_UP_MS = 10_000


@dataclass(frozen=True)
class Answer:
    """An answer printed by a kiosk. `at` is Unix ms, and `reason` is None if it admitted."""

    door: str
    kiosk: str
    at: int
    seq: int
    decision: str
    reason: str | None
    serial: int | None
    frame_to_answer_ms: float | None

    @property
    def word(self) -> str:
        return self.reason or self.decision


@dataclass(frozen=True)
class Outage:
    """A door's outage from `cut_at` to `healed_at` (Unix ms)."""

    door: str
    cut_at: int
    healed_at: int


@dataclass(frozen=True)
class HallRule:
    capacity: int
    doors: tuple[str, ...]
    hard_anti_passback: bool


@dataclass(frozen=True)
class LedgerRow:
    kiosk: str
    seq: int
    decision: str
    serial: int | None


@dataclass(frozen=True)
class Match:
    """A presentation and its answer. One of the two may be missing."""

    presentation: Presentation | None
    answer: Answer | None


@dataclass
class Verdict:
    """The result. `faults` describe errors."""

    presented: int = 0
    admitted: int = 0
    denied: Counter[str] = field(default_factory=Counter)
    wrong: int = 0
    wrong_at: Counter[str] = field(default_factory=Counter)  # by door
    # The largest excess over the capacity, summed over all halls.
    over_capacity: int = 0
    missing_from_ledger: int = 0
    shared: int = 0  # people admitted by copies of one badge
    caught: int = 0  # people with a copy who were refused later
    offline_answers: int = 0
    most_inside: dict[str, int] = field(default_factory=dict)
    delays_ms: list[float] = field(default_factory=list)  # of all answers, sorted
    full_delays_ms: list[float] = field(default_factory=list)  # of refusals in full halls
    faults: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.wrong or self.over_capacity or self.missing_from_ledger)


def judge(
    script: Mapping[str, Sequence[Presentation]],
    answers: Mapping[str, Sequence[Answer]],
    halls: Mapping[str, HallRule],
    outages: Sequence[Outage],
    ledger: Iterable[LedgerRow],
) -> Verdict:
    verdict = Verdict(presented=sum(map(len, script.values())))
    matches = [m for door in script for m in match(script[door], answers.get(door, ()))]
    given = sorted((m.answer for m in matches if m.answer), key=lambda answer: answer.at)
    for answer in given:
        if answer.decision == ADMITTED:
            verdict.admitted += 1
        else:
            verdict.denied[answer.word] += 1
        verdict.offline_answers += any(_is_down(answer.door, answer.at, o) for o in outages)
    timed = [(a.frame_to_answer_ms, a.reason) for a in given if a.frame_to_answer_ms is not None]
    verdict.delays_ms = sorted(delay for delay, _ in timed)
    verdict.full_delays_ms = sorted(delay for delay, reason in timed if reason == FULL)
    _check_answers(verdict, matches, halls, outages)
    _check_ledger(verdict, given, ledger)
    return verdict


def match(presentations: Sequence[Presentation], answers: Sequence[Answer]) -> list[Match]:
    """Match a door's answers with its presentations, in order, with as many equal badges as
    possible: a longest common subsequence that prefers right answers.
    """
    rows, columns = len(presentations), len(answers)
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    for i in reversed(range(rows)):
        for j in reversed(range(columns)):
            paired = _likeness(presentations[i], answers[j]) + best[i + 1][j + 1]
            best[i][j] = max(best[i + 1][j], best[i][j + 1], paired)
    matches, i, j = [], 0, 0
    while i < rows and j < columns:
        likeness = _likeness(presentations[i], answers[j])
        if likeness and best[i][j] == likeness + best[i + 1][j + 1]:
            matches.append(Match(presentations[i], answers[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            matches.append(Match(presentations[i], None))
            i += 1
        else:
            matches.append(Match(None, answers[j]))
            j += 1
    matches += [Match(unmatched, None) for unmatched in presentations[i:]]
    return matches + [Match(None, unmatched) for unmatched in answers[j:]]


def percentile(values: Sequence[float], share: float) -> float | None:
    """`values` are sorted. None if there are none."""
    if not values:
        return None
    return values[max(0, math.ceil(len(values) * share) - 1)]


def _likeness(presentation: Presentation, answer: Answer) -> float:
    if presentation.serial != answer.serial:
        return 0.0
    return 1.25 if presentation.refused == answer.reason else 1.0


def _check_answers(
    verdict: Verdict,
    matches: Sequence[Match],
    halls: Mapping[str, HallRule],
    outages: Sequence[Outage],
) -> None:
    unanswered = [m.presentation for m in matches if m.presentation and not m.answer]
    for presentation in unanswered:
        _fault(verdict, presentation.door, f"{_named(presentation)}: no answer")
    given = [(m.answer, m.presentation) for m in matches if m.answer]
    given.sort(key=lambda pair: pair[0].at)
    inside = _Inside(halls, outages, [a for a, _ in given if a.decision == ADMITTED])
    for answer, shown in given:
        if shown is None:
            _fault(
                verdict,
                answer.door,
                f"{answer.door}: answered {answer.word} without a presented badge",
            )
        elif answer.word not in (allowed := inside.allowed(shown, answer.at)):
            wanted = " or ".join(sorted(allowed))
            _fault(verdict, answer.door, f"{_named(shown)}: {answer.word} instead of {wanted}")
        if answer.decision == ADMITTED:
            by_copy = shown is not None and shown.kind in SHARED
            inside.admit(answer, by_copy=by_copy)
            verdict.shared += by_copy
        verdict.caught += answer.word == REFUSED["caught"]
    verdict.most_inside = dict(sorted(inside.most.items()))
    verdict.over_capacity = sum(
        max(0, most - halls[hall].capacity) for hall, most in inside.most.items()
    )
    if verdict.over_capacity:
        verdict.faults.append(f"over capacity by {verdict.over_capacity}")


def _check_ledger(verdict: Verdict, given: Sequence[Answer], ledger: Iterable[LedgerRow]) -> None:
    scans = {(row.kiosk, row.seq): (row.decision, row.serial) for row in ledger}
    for answer in given:
        if answer.decision != ADMITTED:
            continue
        if scans.get((answer.kiosk, answer.seq)) != (ADMITTED, answer.serial):
            verdict.missing_from_ledger += 1
            verdict.faults.append(f"{answer.door}: entry {answer.seq} is not in the ledger")


def _fault(verdict: Verdict, door: str, text: str) -> None:
    verdict.wrong += 1
    verdict.wrong_at[door] += 1
    verdict.faults.append(text)


def _named(presentation: Presentation) -> str:
    return f"{presentation.door}, {presentation.number + 1} ({presentation.note})"


def _is_down(door: str, at: int, outage: Outage) -> bool:
    return outage.door == door and outage.cut_at <= at < outage.healed_at


@dataclass
class _Inside:
    """The people in each hall, by the entries so far."""

    halls: Mapping[str, HallRule]
    outages: Sequence[Outage]
    entries: Sequence[Answer]  # all of them, including later ones
    stays: dict[str, list[Answer]] = field(default_factory=dict)  # by hall
    # Stays whose badge was later seen at another hall, and the time.
    moved: dict[tuple[str, int], int] = field(default_factory=dict)
    most: dict[str, int] = field(default_factory=dict)

    def admit(self, entry: Answer, *, by_copy: bool = False) -> None:
        """The holder leaves other halls, unless another person entered `by_copy`."""
        here = next(code for code, rule in self.halls.items() if entry.door in rule.doors)
        for hall, stays in self.stays.items():
            if hall == here:
                continue
            theirs = [stay for stay in stays if stay.serial == entry.serial]
            self.moved |= {(stay.kiosk, stay.seq): entry.at for stay in theirs}
            if not by_copy:
                self.stays[hall] = [stay for stay in stays if stay not in theirs]
        inside = self.stays.setdefault(here, [])
        inside.append(entry)
        self.most[here] = max(self.most.get(here, 0), len(inside))

    def allowed(self, presentation: Presentation, at: int) -> set[str]:
        """The right answers at that moment."""
        if presentation.refused is not None:
            return {presentation.refused}
        rule = self.halls[presentation.hall]
        if not rule.hard_anti_passback:
            return self._by_places(presentation, rule, at)
        right: set[str] = set()
        for stay in self.stays.get(presentation.hall, ()):
            if stay.serial == presentation.serial and not self._has_moved(stay, at, right):
                knows = stay.door == presentation.door or self._has_heard(
                    presentation.door, stay.door, stay.at, at
                )
                if knows is True:
                    return {INSIDE}
                if knows is None:
                    right.add(INSIDE)
        return right | self._by_places(presentation, rule, at)

    def _has_moved(self, stay: Answer, at: int, right: set[str]) -> bool:
        """Return whether the badge was later seen elsewhere, so that it may enter again.

        A door that may not know yet may also refuse.
        """
        moved_at = self.moved.get((stay.kiosk, stay.seq))
        if moved_at is not None and at < moved_at + HEARD_MS:
            right.add(INSIDE)
        return moved_at is not None

    def _by_places(self, presentation: Presentation, rule: HallRule, at: int) -> set[str]:
        """Return admitted or full, or both while the last place is being used or places are cut
        off.
        """
        stays = self.stays.get(presentation.hall, ())
        if len(stays) >= rule.capacity:
            return {FULL}
        coming = sum(e.door in rule.doors and at <= e.at <= at + HEARD_MS for e in self.entries)
        apart = any(
            outage.door in rule.doors and outage.cut_at <= at <= outage.healed_at + CAUGHT_UP_MS
            for outage in self.outages
        )
        if apart or len(stays) + coming >= rule.capacity:
            return {ADMITTED, FULL}
        return {ADMITTED}

    def _has_heard(self, here: str, there: str, since: int, at: int) -> bool | None:
        """Return whether the door `here` knows at `at` of an entry at `there`. None means
        either.
        """
        cuts = [outage for outage in self.outages if outage.door in (here, there)]
        if any(outage.cut_at < since and at < outage.healed_at for outage in cuts):
            return False
        troubled = any(
            outage.cut_at < since + HEARD_MS and at < outage.healed_at + CAUGHT_UP_MS
            for outage in cuts
        )
        return None if troubled or at < since + HEARD_MS else True
