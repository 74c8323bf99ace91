"""Writes a programme and an exhibition into the event, by code."""

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from server.core.people import search
from server.core.programme.organisations import link_people
from server.core.programme.speakers import link_speakers, put_speakers
from server.features.imports.programme.plan import ActivityPlan, OrganisationPlan, Programme
from server.features.imports.writer import Writer
from server.storage.localized import names_text


class ProgrammeWriter(Writer):
    def before_sessions(self, programme: Programme) -> None:
        for organisation in programme.organisations:
            self.put("organisations", "organisation", _organisation_values(organisation))
        self.absent(
            "organisations", "organisation", [plan.code for plan in programme.organisations]
        )
        for kind in programme.activity_kinds:
            values = {"code": kind.code, "names": names_text(kind.names)}
            self.put("activity_kinds", "activity_kind", values)
        organisations = self._ids_for(programme.activities, "organisation")
        for activity in programme.activities:
            before = self._whole_activity(activity.code)
            self.write("activity", _activity_values(activity))
            self._put_hosts(activity, dict(organisations))
            self.count("activities", before, self._whole_activity(activity.code))
        self.absent("activities", "activity", [plan.code for plan in programme.activities])
        if programme.organisations:
            link_people(self.db)
            search.fold(self.db, search.FOLDED_TOGETHER)

    def after_sessions(self, programme: Programme) -> None:
        sessions = self._ids_for(programme.speakers, "session")
        # stable: keeps their order
        by_session = sorted(programme.speakers, key=lambda item: item.session)
        before: dict[int, list[tuple[Any, ...]]] = {}
        for code, plans in groupby(by_session, key=lambda item: item.session):
            session_id = sessions[code]
            before[session_id] = self._speakers(session_id)
            put_speakers(self.db, session_id, [plan.speaker for plan in plans])
        # Last, since each call searches all speakers without an attendee.
        if before:
            link_speakers(self.db)
        for session_id, stood in before.items():
            self.count("speakers", stood or None, self._speakers(session_id))
        halls = self._ids_for(programme.areas, "hall")
        for area in programme.areas:
            values = {"code": area.code, "hall_id": halls[area.hall], "m2": area.m2}
            self.put("areas", "area", values | {"names": names_text(area.names)})
        organisations = self._ids_for(programme.exhibitors, "organisation")
        for exhibitor in programme.exhibitors:
            values = {"code": exhibitor.code}
            values["organisation_id"] = organisations[exhibitor.organisation]
            self.put("exhibitors", "exhibitor", values)
        areas = self._ids_for(programme.stands, "area")
        exhibitors = self._ids_for(programme.stands, "exhibitor")
        for stand in programme.stands:
            values = {"code": stand.code, "area_id": areas[stand.area], "m2": stand.m2}
            values["exhibitor_id"] = exhibitors[stand.exhibitor] if stand.exhibitor else None
            self.put("stands", "stand", values)
        for kind in ("area", "exhibitor", "stand"):
            codes = [item.code for item in getattr(programme, f"{kind}s")]
            self.absent(f"{kind}s", kind, codes)

    def _ids_for(self, plans: Sequence[object], table: str) -> Mapping[str, int]:
        return self.ids(table, f"{table}_id") if plans else {}

    def _put_hosts(self, plan: ActivityPlan, organisations: dict[str, int]) -> None:
        row = self.row("activity", "code", plan.code)
        assert row is not None
        activity_id = row[0]
        self.db.execute("DELETE FROM activity_host WHERE activity_id = ?", (activity_id,))
        hosts = [(code, "lead") for code in plan.lead] + [
            (code, "co_host") for code in plan.co_hosts
        ]
        self.db.executemany(
            "INSERT INTO activity_host (activity_id, organisation_id, role) VALUES (?, ?, ?)",
            [(activity_id, organisations[code], role) for code, role in hosts],
        )

    def _whole_activity(self, code: str) -> object:
        row = self.row("activity", "code", code)
        if row is None:
            return None
        hosts = self.db.execute(
            "SELECT organisation_id, role FROM activity_host WHERE activity_id = ? ORDER BY 1",
            (row[0],),
        )
        return (row, [tuple(host) for host in hosts])

    def _speakers(self, session_id: int) -> list[tuple[Any, ...]]:
        rows = self.db.execute(
            "SELECT * FROM session_speaker WHERE session_id = ? ORDER BY position", (session_id,)
        )
        return [tuple(row) for row in rows]


def _organisation_values(plan: OrganisationPlan) -> dict[str, Any]:
    others = {}
    if plan.other_names is not None:
        others["other_names"] = json.dumps(list(plan.other_names), ensure_ascii=False)
    return others | {
        "code": plan.code,
        "names": names_text(plan.names),
        "country": plan.country,
        "kind": plan.kind,
    }


def _activity_values(plan: ActivityPlan) -> dict[str, Any]:
    return {
        "code": plan.code,
        "kind": plan.kind,
        "titles": names_text(plan.titles),
        "official": int(plan.official),
        "parallel": int(plan.parallel),
        "theme": plan.theme,
        "language": plan.language,
    }
