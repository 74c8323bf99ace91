from collections.abc import Mapping
from typing import Any

from badges.i18n import N_
from badges.roster import cells
from server.core.event.settings import EventSettings
from server.core.programme import organisations, speakers
from server.core.venue import fields as venue_fields
from server.core.venue.fields import Field, ValueRefusedError
from server.features.imports.programme.plan import (
    ActivityKindPlan,
    ActivityPlan,
    AreaPlan,
    ExhibitorPlan,
    OrganisationPlan,
    SpeakerPlan,
    StandPlan,
)
from server.features.imports.venue_plan import Kind

M2_MAX = 1_000_000
_CODE = Field(venue_fields.code, True)
_CODES = Field(venue_fields.listed(venue_fields.code))
_YES_OR_NO = Field(venue_fields.yes_or_no)
_M2 = Field(venue_fields.whole(0, M2_MAX))
_TITLED = venue_fields.in_either_language("title")
_NAMED = venue_fields.in_either_language("name")


def _country(value: Any) -> str:
    try:
        return cells.country(venue_fields.text(value))
    except cells.CellError as error:
        raise ValueRefusedError(error.phrase) from None


def _language(value: Any) -> str:
    try:
        return cells.language(venue_fields.text(value))
    except cells.CellError as error:
        raise ValueRefusedError(error.phrase) from None


def _organisation(values: Mapping[str, Any], _: EventSettings) -> OrganisationPlan:
    names = venue_fields.names(values, "name")
    country, kind = values.get("country", ""), values.get("kind", "other")
    return OrganisationPlan(values["code"], names, country, kind, values.get("other_names"))


def _activity_kind(values: Mapping[str, Any], _: EventSettings) -> ActivityKindPlan:
    return ActivityKindPlan(values["code"], venue_fields.names(values, "name"))


def _activity(values: Mapping[str, Any], _: EventSettings) -> ActivityPlan:
    lead, co_hosts = values.get("lead", ()), values.get("co_hosts", ())
    twice = sorted(set(lead) & set(co_hosts))
    if twice:
        raise ValueRefusedError(
            N_("%(twice)s can't be both lead and co-host"), twice=", ".join(twice)
        )
    return ActivityPlan(
        code=values["code"],
        kind=values["kind"],
        titles=venue_fields.names(values, "title"),
        official=values.get("official", False),
        parallel=values.get("parallel", False),
        theme=values.get("theme", ""),
        language=values.get("language", ""),
        lead=lead,
        co_hosts=co_hosts,
    )


def _speaker(values: Mapping[str, Any], _: EventSettings) -> SpeakerPlan:
    label, name = values.get("attendee", ""), values.get("name", "")
    if not label and not name:
        raise ValueRefusedError(N_("write attendee (an external id or e-mail), or a name"))
    person = speakers.Speaker(
        serial=None,
        label=label,
        name=name or label,
        role=values.get("role", "speaker"),
        starts_at=values.get("starts"),
    )
    return SpeakerPlan(values["session"], person)


def _area(values: Mapping[str, Any], _: EventSettings) -> AreaPlan:
    names = venue_fields.names(values, "name")
    return AreaPlan(values["code"], values["hall"], names, values.get("m2", 0))


def _exhibitor(values: Mapping[str, Any], _: EventSettings) -> ExhibitorPlan:
    return ExhibitorPlan(values["code"], values["organisation"])


def _stand(values: Mapping[str, Any], _: EventSettings) -> StandPlan:
    return StandPlan(values["code"], values["area"], values.get("exhibitor"), values.get("m2", 0))


KINDS: Mapping[str, Kind] = {
    "organisation": Kind(
        lambda _: {
            "code": _CODE,
            **_NAMED,
            "country": Field(_country),
            "kind": Field(venue_fields.choice(*organisations.KINDS)),
            "other_names": Field(venue_fields.listed(venue_fields.text)),
        },
        _organisation,
    ),
    "activity_kind": Kind(
        lambda _: {"code": Field(venue_fields.key, True), **_NAMED}, _activity_kind
    ),
    "activity": Kind(
        lambda _: {
            "code": _CODE,
            "kind": Field(venue_fields.key, True),
            "official": _YES_OR_NO,
            "parallel": _YES_OR_NO,
            "theme": Field(venue_fields.text),
            "language": Field(_language),
            "lead": _CODES,
            "co_hosts": _CODES,
            **_TITLED,
        },
        _activity,
    ),
    "speaker": Kind(
        lambda zone: {
            "session": _CODE,
            "attendee": Field(venue_fields.attendee),
            "name": Field(venue_fields.text),
            "role": Field(venue_fields.choice(*speakers.ROLES)),
            "starts": Field(venue_fields.local_time(zone)),
        },
        _speaker,
    ),
    "area": Kind(lambda _: {"code": _CODE, "hall": _CODE, "m2": _M2, **_NAMED}, _area),
    "exhibitor": Kind(lambda _: {"code": _CODE, "organisation": _CODE}, _exhibitor),
    "stand": Kind(
        lambda _: {"code": _CODE, "area": _CODE, "exhibitor": Field(venue_fields.code), "m2": _M2},
        _stand,
    ),
}
