"""The demo's made-up names: scripts, countries and distinct organisations."""

from collections import Counter

import pytest

from badges.roster import cells
from badges.roster.same_name import name_key
from server.demo.forum.names import HOME, ORIGINS
from server.demo.forum.organisations import HOST, Organisations
from server.demo.forum.people import CAST_SIZE, make_people


@pytest.mark.parametrize("origin", ORIGINS, ids=lambda origin: origin.language)
def test_languages_and_countries_are_known_to_the_roster(origin) -> None:
    assert cells.language(origin.language)
    for country in origin.countries:
        assert cells.country(country) == country


@pytest.mark.parametrize("seed", range(8))
def test_the_smallest_roster_has_every_country(seed: int) -> None:
    people = make_people(seed, 2 * CAST_SIZE)
    assert {p.country for p in people} == {c for origin in ORIGINS for c in origin.countries}


@pytest.mark.parametrize("seed", range(8))
def test_no_two_organisations_share_a_name(seed: int) -> None:
    organisations = Organisations(seed).all
    keys = Counter(
        key
        for organisation in organisations
        for key in {name_key("", organisation.name), name_key("", organisation.name_zh)}
    )
    del keys[""]
    assert max(keys.values()) == 1
    assert len({organisation.code for organisation in organisations}) == len(organisations)


def test_the_same_seed_makes_the_same_organisations() -> None:
    assert Organisations(1).all == Organisations(1).all
    assert Organisations(1).all != Organisations(2).all


def test_the_organisations_that_are_counted() -> None:
    organisations = Organisations(1)
    kinds = Counter(organisation.kind for organisation in organisations.all)
    foreign = [
        organisation
        for organisation in organisations.of_kind("government")
        if organisation.country != HOME
    ]
    assert kinds["international"] + kinds["institute"] + len(foreign) == 197
    assert len(organisations.national_authorities()) == 12
    assert len(organisations.exhibitors()) == 656
    assert (
        next(organisation for organisation in organisations.all if organisation.code == HOST).kind
        == "international"
    )
