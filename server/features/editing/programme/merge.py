from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from badges.i18n import N_, Phrase
from badges.roster.same_name import name_key
from server.core.edits import last_edit
from server.core.edits.last_edit import EditError
from server.core.edits.things import Thing, Values, values_of
from server.core.edits.words import name_of
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.settings import EventSettings
from server.core.people import search
from server.core.programme import exhibition, organisations
from server.core.programme.organisations import Organisation
from server.features.editing.venue_edit import SOMEBODY_ELSE, put, take_away
from server.storage.connection import Connection


@dataclass(frozen=True)
class HostMove:
    """An activity hosted by the duplicate, after the merge."""

    code: str
    title: str
    after: Values

    def role(self, code: str) -> str:
        return N_("lead") if code in self.after["lead"] else N_("co-host")


@dataclass(frozen=True)
class OrganisationMerge:
    stays: Organisation
    goes: Organisation
    other_names: tuple[str, ...]
    country: str  # Copied, or ""
    hosts: list[HostMove]
    exhibitors: list[str]
    mark: str = ""


def merge_plan(db: Connection, stays_code: str, goes_code: str) -> OrganisationMerge:
    """Raises UnknownOrganisationError or EditError."""
    stays = organisations.organisation(db, stays_code)
    goes = organisations.organisation(db, goes_code)
    if stays.code == goes.code:
        raise EditError(N_("These are the same organisation: choose another."))
    own = {name_key("", name) for name in stays.all_names}
    new = [name for name in goes.all_names if name_key("", name) not in own]
    plan = OrganisationMerge(
        stays=stays,
        goes=goes,
        other_names=(*stays.other_names, *dict.fromkeys(new)),
        country=goes.country if not stays.country else "",
        hosts=[_host(db, code, stays.code, goes.code) for code in _hosted(db, goes)],
        exhibitors=exhibition.exhibitors_of(db, goes.organisation_id),
    )
    return replace(plan, mark=last_edit.mark_of({"plan": repr(plan)}))


def merge(
    db: Connection, settings: EventSettings, stays_code: str, goes_code: str, *,
    mark: str, by: str, now: int,
) -> OrganisationMerge:  # fmt: skip
    """Merge two organisations according to `merge_plan`, with undo.

    Raises EditError if either was changed since, UnknownOrganisationError, and VenueError for the
    venue's rules.
    """
    plan = merge_plan(db, stays_code, goes_code)
    if plan.mark != mark:
        raise EditError(SOMEBODY_ELSE)
    zone = ZoneInfo(settings.time_zone)
    stays, goes = Thing("organisation", stays_code), Thing("organisation", goes_code)
    moved = [Thing("activity", move.code) for move in plan.hosts]
    moved += [Thing("exhibitor", code) for code in plan.exhibitors]
    with last_edit.kept(db, zone, [stays, goes, *moved], by=by, now=now) as note:
        for move in plan.hosts:
            put(db, settings, Thing("activity", move.code), move.after, by=by, now=now)
        for code in plan.exhibitors:
            exhibits = {"code": code, "organisation": stays_code}
            put(db, settings, Thing("exhibitor", code), exhibits, by=by, now=now)
        take_away(db, goes, by=by, now=now)
        values = dict(values_of(db, stays, zone) or {})
        values["other_names"] = list(plan.other_names)
        values["country"] = values["country"] or plan.country
        put(db, settings, stays, values, by=by, now=now)
        organisations.link_people(db)
        search.fold(db, search.FOLDED_TOGETHER)
        subject: dict[str, str | int | None] = {"organisation": stays_code, "merged": goes_code}
        entry_log.act(db, by, Act.ORGANISATIONS_MERGED, subject, now)
        note.what = Phrase(
            "Organisation %(name)s: %(code)s is merged with it",
            name=name_of(values),
            code=goes_code,
        )
    return plan


def _hosted(db: Connection, organisation: Organisation) -> list[str]:
    rows = db.execute(
        "SELECT a.code FROM activity_host h JOIN activity a ON a.activity_id = h.activity_id"
        " WHERE h.organisation_id = ? ORDER BY a.code",
        (organisation.organisation_id,),
    )
    return [row["code"] for row in rows]


def _host(db: Connection, activity: str, stays: str, goes: str) -> HostMove:
    """Replace the duplicate as an activity's host. Lead overrides co-host."""
    values = dict(values_of(db, Thing("activity", activity), ZoneInfo("UTC")) or {})
    lead = {stays if code == goes else code for code in values["lead"]}
    co_hosts = {stays if code == goes else code for code in values["co_hosts"]} - lead
    after = {**values, "lead": sorted(lead), "co_hosts": sorted(co_hosts)}
    return HostMove(activity, name_of(values), after)
