"""Compares doors' answers, their journals and the ledger with the truth about the day."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from kiosk.config.files import JOURNAL_FILE
from tests.bench.event import quantiles
from tests.bench.upgrade.day import Answer, Day, Period
from tests.bench.upgrade.people import HALLS
from tests.bench.upgrade.site import Site
from tests.bench.upgrade.versions import Version
from tests.system.support.ledger_checks import Journals, Line

SECOND_MS = 1_000
# After an absence, doors that were cut off report what happened meanwhile.
AFTER_MS = 4_000
LISTED = 40  # wrong denials that are listed one by one
SCANS = "SELECT kiosk, seq, decision, scanned_at, received_at FROM scan ORDER BY received_at"


class Row(NamedTuple):
    kiosk: str
    seq: int
    decision: str
    scanned_at: int
    received_at: int

    @property
    def gap_ms(self) -> int:
        return self.received_at - self.scanned_at


class Hall:
    """The number of people inside over time."""

    def __init__(self, moves: Iterable[tuple[int, int, int]]) -> None:
        """`moves` are times (Unix ms) with a serial and 1 for an entry, -1 for an exit."""
        inside: set[int] = set()
        self.counts = [(0, 0)]  # times, and how many were inside from then on
        for at, serial, change in sorted(moves, key=lambda move: (move[0], move[2])):
            inside.add(serial) if change > 0 else inside.discard(serial)
            self.counts.append((at, len(inside)))

    def most(self, begin: int, end: int) -> int:
        before = [count for at, count in self.counts if at <= begin][-1]
        return max([before, *(count for at, count in self.counts if begin < at <= end)])


def verdict(day: Day) -> dict[str, object]:
    """The figures of a whole day."""
    journals = Journals(
        {door.kiosk: day.site.path / door.kiosk / JOURNAL_FILE for door in day.site.doors.values()}
    )
    journals.read()
    lines = journals.all()
    rows = [Row(*row) for row in day.site.query(SCANS)]
    halls = _halls(day, lines)
    refused = [answer for answer in day.answers if is_wrong(answer, halls)]
    whole = Period("whole day", 0, 2**62)
    return {
        "seconds": round((day.periods[-1].end - day.periods[0].begin) / 1000),
        "people": len({line.said["serial"] for line in lines}),
        "scans": len(lines),
        "greens": sum(answer.admitted for answer in day.answers),
        "hall_full": sum(answer.reason == "hall_full" for answer in day.answers),
        "unanswered": day.unanswered,
        "shown_again_after_a_kill": sum(answer.again for answer in day.answers),
        "refused": len(refused),
        "refused_by_reason": Counter(f"{a.reason} at {a.door.hall}" for a in refused),
        "refused_by_cause": Counter(f"{_cause(day, a)}, door {a.version}" for a in refused),
        "refused_list": [_line(day, answer) for answer in refused[:LISTED]],
        "lost": _lost(day, lines, rows),
        "over_capacity": {
            hall: max(0, halls[hall].most(0, 2**62) - most) for hall, most in HALLS.items()
        },
        "most_inside": {hall: halls[hall].most(0, 2**62) for hall in HALLS},
        "capacity": HALLS,
        "server_stop_and_start_ms": day.servers_ms,
        "wait_for_an_answer_ms": quantiles([answer.shown_ms for answer in day.answers]),
        "wait_for_a_replaced_kiosk_ms": quantiles(day.waits_ms),
        **_gaps(rows, whole),
        "steps": [_step(day, period, rows, refused) for period in day.periods],
    }


def _halls(day: Day, lines: Iterable[Line]) -> dict[str, Hall]:
    """Who was inside, by the doors' journals. An entry counts from its light, an exit from when
    the badge was shown.
    """
    shown = {(a.door.kiosk, a.fields["seq"]): a.shown_at for a in day.answers}
    of_kiosk = {door.kiosk: door.hall for door in day.site.doors.values()}
    moves = defaultdict(list)
    for line in lines:
        if line.said["decision"] == "admitted":
            at = shown.get((line.kiosk, line.seq), line.at) if line.enters else line.at
            change = 1 if line.enters else -1
            moves[of_kiosk[line.kiosk]].append((at, line.said["serial"], change))
    return {hall: Hall(moves[hall]) for hall in HALLS}


def is_wrong(answer: Answer, halls: dict[str, Hall]) -> bool:
    """Whether a valid badge was denied though its hall had room in the whole second before.

    Everybody is entitled, leaves by a scan, and has one badge, so no other denial is right, except
    of a badge that is shown again after a kill.
    """
    if answer.admitted or answer.again:
        return False
    begin, end = answer.shown_at - SECOND_MS, answer.shown_at
    was_full = halls[answer.door.hall].most(begin, end) >= HALLS[answer.door.hall]
    return answer.reason != "hall_full" or not was_full


def _cause(day: Day, answer: Answer) -> str:
    """Who was absent while the door answered, or just before."""
    absent = {
        absence.name
        for absence in day.absences
        if absence.begin <= answer.shown_at and answer.fields["at"] <= absence.end + AFTER_MS
    }
    return f"{' and '.join(sorted(absent, reverse=True))} away" if absent else "none away"


def _line(day: Day, answer: Answer) -> str:
    at, begin = answer.fields["at"], day.periods[0].begin
    period = [period.name for period in day.periods if period.begin <= answer.shown_at][-1]
    return (
        f"{(at - begin) / 1000:.1f} s: {answer.reason} at {answer.door.code} after"
        f" {answer.shown_at - at} ms, {_cause(day, answer)}; {period}"
    )


def _lost(day: Day, lines: Iterable[Line], rows: Iterable[Row]) -> dict[str, int]:
    """Scans that are not in the ledger once, by origin, and those that the ledger alone has."""
    ledger = Counter((row.kiosk, row.seq, row.decision) for row in rows)
    recorded = {(line.kiosk, line.seq, line.said["decision"]) for line in lines}
    greens = {(a.door.kiosk, a.fields["seq"], "admitted") for a in day.answers if a.admitted}
    return {
        "green_at_a_door": sum(ledger[scan] != 1 for scan in greens),
        "in_a_journal": sum(ledger[scan] != 1 for scan in recorded),
        "in_the_ledger_alone": len(ledger.keys() - recorded),
    }


def _gaps(rows: Sequence[Row], period: Period) -> dict[str, object]:
    """From a scan to the ledger's record of it, for scans of this period; and the longest time in
    which the ledger took none.
    """
    mine = [row.gap_ms for row in rows if period.begin <= row.scanned_at <= period.end]
    without = [
        after.received_at - before.received_at
        for before, after in pairwise(rows)
        if before.received_at <= period.end and after.received_at >= period.begin
    ]
    return {"scan_to_ledger_ms": quantiles(mine), "longest_without_ms": max(without, default=0)}


def _step(
    day: Day, period: Period, rows: Sequence[Row], refused: Iterable[Answer]
) -> dict[str, object]:
    answers = [a for a in day.answers if period.begin <= a.shown_at <= period.end]
    return {
        "step": period.name,
        "seconds": round((period.end - period.begin) / 1000, 1),
        "answers": len(answers),
        "greens": sum(answer.admitted for answer in answers),
        "refused": sum(period.begin <= a.shown_at <= period.end for a in refused),
        **_gaps(rows, period),
    }


def check_log(site: Site, versions: Iterable[Version]) -> dict[str, str]:
    """What each version reports about the entry log that the running one exports."""
    archive = site.path / "log.zip"
    site.command(site.versions[0], "audit", "export", "--out", archive)
    return {
        version.name: site.output(version, "audit", "verify", archive).splitlines()[-1]
        for version in versions
    } | {"ledger": site.output(site.versions[0], "audit", "check", "--event", site.event)}
