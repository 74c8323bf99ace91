"""Formats the demo's output: a row for each answer, and the summary."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from server.core.programme.counts import ForumCounts
from server.demo.forum.forum import PHONE_DOOR
from server.demo.judge import ADMITTED, Answer, HallRule, Verdict, percentile
from server.demo.script import SHARED, Presentation, Script

ROW = "{:<8}  {:<10}  {:<42}  {:<16}  {:<9}  {}"


class LiveTable:
    """Rows for a terminal. They guess the presentation of each answer; the judge does not."""

    def __init__(
        self,
        script: Mapping[str, Sequence[Presentation]],
        halls: Mapping[str, HallRule],
        time_zone: str,
    ) -> None:
        self._script = script
        self._halls = halls
        self._zone = ZoneInfo(time_zone)
        self._next = dict.fromkeys(script, 0)
        self._inside: dict[str, list[int | None]] = {hall: [] for hall in halls}

    def head(self) -> str:
        return ROW.format("time", "door", "shown", "answer", "inside", "after")

    def row(self, answer: Answer, *, cut_off: bool) -> str:
        shown = self._presented(answer)
        hall = next((code for code, rule in self._halls.items() if answer.door in rule.doors), "")
        if answer.decision == ADMITTED and not (shown and shown.kind in SHARED):
            for code, serials in self._inside.items():
                if code != hall and answer.serial in serials:
                    serials.remove(answer.serial)
        if answer.decision == ADMITTED:
            self._inside[hall].append(answer.serial)
        inside = f"{len(self._inside[hall])}/{self._halls[hall].capacity}" if hall else ""
        after = "" if answer.frame_to_answer_ms is None else f"{answer.frame_to_answer_ms:.0f} ms"
        return ROW.format(
            self._clock(answer.at),
            answer.door,
            shown.note if shown else "(nothing that the script knows)",
            answer.word.replace("_", " "),
            inside,
            f"{after}{'  offline' if cut_off else ''}",
        )

    def _clock(self, at: int) -> str:
        return f"{datetime.fromtimestamp(at / 1000, self._zone):%H:%M:%S}"

    def _presented(self, answer: Answer) -> Presentation | None:
        """The next presentation of that badge, or of a code that is no badge."""
        door = self._script.get(answer.door, ())
        for number in range(self._next.get(answer.door, 0), len(door)):
            if door[number].serial == answer.serial:
                self._next[answer.door] = number + 1
                return door[number]
        return None


def summary(
    verdict: Verdict,
    halls: Mapping[str, HallRule],
    discrepancies: int,
    after_moves: Sequence[str] = (),
) -> list[str]:
    denied = ", ".join(f"{reason} {count}" for reason, count in sorted(verdict.denied.items()))
    inside = ", ".join(
        f"{hall} {most} of {halls[hall].capacity}" for hall, most in verdict.most_inside.items()
    )
    return [
        f"presented                {verdict.presented}",
        f"answered while cut off   {verdict.offline_answers}",
        f"admitted                 {verdict.admitted}",
        f"denied                   {verdict.denied.total()}: {denied}",
        f"wrongly answered         {verdict.wrong}",
        f"most people inside       {inside}",
        f"over capacity            {verdict.over_capacity}",
        f"by copies of one badge   {verdict.shared} let in, then {verdict.caught} refused",
        f"places after moves       {'; '.join(after_moves) or 'none'}",
        f"green, not in the ledger {verdict.missing_from_ledger}",
        f"frame to answer          {_delays(verdict.delays_ms)}",
        f"  where the hall was full {_delays(verdict.full_delays_ms)}: it asks for a place first",
        f"discrepancies noticed    {discrepancies}",
        *(f"  wrong: {fault}" for fault in verdict.faults),
        "All as it should be." if verdict.good else "NOT as it should be.",
    ]


def forum_lines(counts: ForumCounts) -> list[str]:
    figures = (
        ("days", f"{counts.days}"),
        ("activities", f"{counts.activities} of {counts.kinds} kinds"),
        ("parallel forums", f"{counts.parallel_forums}, {counts.official_forums} of them official"),
        ("led by one host", f"{counts.hosted_by_one}, by an international organisation"),
        ("keynote speakers", f"{counts.keynote_speakers}"),
        ("countries of people", f"{counts.countries}"),
        ("organisations", f"{counts.organisations} international, institutes, foreign governments"),
        (
            "exhibitors",
            f"{counts.exhibitors} in {counts.areas} areas of {counts.exhibition_m2:,} m²",
        ),
    )
    return [f"{name:<24} {value}" for name, value in figures]


def as_json(verdict: Verdict, discrepancies: int) -> dict[str, object]:
    """Return the summary as JSON. Delays are None if nothing was answered."""
    return {
        "presented": verdict.presented,
        "admitted": verdict.admitted,
        "denied": dict(sorted(verdict.denied.items())),
        "wrong": verdict.wrong,
        "over_capacity": verdict.over_capacity,
        "missing_from_ledger": verdict.missing_from_ledger,
        "frame_to_answer_ms": {
            "p50": percentile(verdict.delays_ms, 0.5),
            "p99": percentile(verdict.delays_ms, 0.99),
        },
        "answered_while_cut_off": verdict.offline_answers,
        "most_inside": verdict.most_inside,
        "by_copies": {"let_in": verdict.shared, "refused": verdict.caught},
        "discrepancies": discrepancies,
        "faults": verdict.faults,
    }


def phone_line(script: Script, verdict: Verdict, phoneless: str) -> str:
    if phoneless:
        return f"phone                    none: {phoneless}"
    presented, wrong = len(script.doors[PHONE_DOOR]), verdict.wrong_at[PHONE_DOOR]
    return f"phone                    {presented} of those presented, {wrong} wrongly answered"


def phone_json(script: Script, verdict: Verdict, phoneless: str) -> dict[str, object]:
    if phoneless:
        return {"missing": phoneless}
    return {
        "presented": len(script.doors[PHONE_DOOR]),
        "wrong": verdict.wrong_at[PHONE_DOOR],
    }


def _delays(delays_ms: Sequence[float]) -> str:
    if not delays_ms:
        return "nothing was timed"
    half, most = (percentile(delays_ms, share) for share in (0.5, 0.99))
    return f"{half:.1f} ms (p50), {most:.1f} ms (p99)"
