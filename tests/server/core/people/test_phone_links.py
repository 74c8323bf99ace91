"""Links of phone pages: one is valid, and it can be revoked and renewed."""

import pytest

from server.core.entry_log import act_list
from server.core.entry_log.act_names import Act
from server.core.event.directory import Event
from server.core.people import issuing, phone_links
from server.core.people.phone_links import GoneLinkError, LinkError
from server.core.people.phone_token import PhoneTokenError, phone_token
from server.storage.database import Database
from tests.server.conftest import NOW, serial_of


@pytest.fixture
def badge(event: Event, site: Database) -> issuing.Badge:
    site.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="test"))
    return issuing.current_badge(site.reader, serial_of(site, "A1"))


def token(site: Database, event: Event, badge: issuing.Badge) -> str | None:
    return phone_links.token(site.reader, event, badge)


def test_it_works(event: Event, site: Database, badge: issuing.Badge) -> None:
    first = token(site, event, badge)
    assert first == phone_token(event, badge.serial, badge.issue)  # as before the table existed
    assert phone_links.open_link(site.reader, event, first) == (badge.serial, badge.issue)

    site.write(lambda db: phone_links.renew(db, badge.serial, by="test", now=NOW))
    second = token(site, event, badge)
    assert second != first
    assert len(second) == len(first)
    assert phone_links.open_link(site.reader, event, second) == (badge.serial, badge.issue)
    with pytest.raises(GoneLinkError) as gone:
        phone_links.open_link(site.reader, event, first)
    assert gone.value.serial == badge.serial


def test_a_revoked_link_is_gone_until_another_one_stands(
    event: Event, site: Database, badge: issuing.Badge
) -> None:
    first = token(site, event, badge)
    site.write(lambda db: phone_links.revoke(db, badge.serial, by="test", now=NOW))
    assert token(site, event, badge) is None
    with pytest.raises(GoneLinkError):
        phone_links.open_link(site.reader, event, first)
    with pytest.raises(LinkError, match="revoked already"):
        site.write(lambda db: phone_links.revoke(db, badge.serial, by="test", now=NOW))
    site.write(lambda db: phone_links.renew(db, badge.serial, by="test", now=NOW))
    assert phone_links.open_link(site.reader, event, token(site, event, badge))
    with pytest.raises(GoneLinkError):
        phone_links.open_link(site.reader, event, first)


def test_links_to_come_and_forged_ones_are_unknown(
    event: Event, site: Database, badge: issuing.Badge
) -> None:
    site.write(lambda db: phone_links.renew(db, badge.serial, by="test", now=NOW))
    newest = token(site, event, badge)
    for other in (
        phone_token(event, badge.serial, badge.issue, 2),
        newest[:-1] + ("A" if newest[-1] != "A" else "Q"),
        "A" * 27,
        "é" * 27,
        "",
    ):
        with pytest.raises(PhoneTokenError):
            phone_links.open_link(site.reader, event, other)


def test_a_link_is_renewed_only_so_often(
    event: Event, site: Database, badge: issuing.Badge
) -> None:
    def often(db) -> None:
        for _ in range(phone_links.NUMBER_MAX):
            phone_links.renew(db, badge.serial, by="test", now=NOW)

    site.write(often)
    assert phone_links.open_link(site.reader, event, token(site, event, badge))
    with pytest.raises(LinkError, match="Issue a new badge"):
        site.write(lambda db: phone_links.renew(db, badge.serial, by="test", now=NOW))


def test_it_is_in_the_entry_log(event: Event, site: Database, badge: issuing.Badge) -> None:
    site.write(lambda db: phone_links.revoke(db, badge.serial, by="ada", now=NOW))
    site.write(lambda db: phone_links.renew(db, badge.serial, by="ada", now=NOW))
    page = act_list.page(site.reader, act_list.Filter(), rows=2)
    assert [(act.act, act.by, act.subject) for act in page.acts] == [
        (Act.PHONE_LINK_RENEWED, "ada", {"serial": badge.serial}),
        (Act.PHONE_LINK_REVOKED, "ada", {"serial": badge.serial}),
    ]
