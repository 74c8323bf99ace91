"""The server signs each order of places for its kiosks, on every path."""

import dataclasses

import msgspec
import pytest

from badges.credential.keys import BadSignatureError
from badges.places.pool import PoolKey
from badges.places.signed import verify_order
from badges.wire import wire
from server.app.app import close_app, create_app
from server.core.event.directory import Event
from server.core.feed.changes import cursor, publish
from server.core.kiosks import snapshot
from server.core.kiosks.runs import Position
from server.core.kiosks.vouching import Voucher
from server.core.occupancy import pools
from server.storage.database import Database
from server.web.services import services_of
from tests.server.conftest import NOW
from tests.server.support.site import SMALL, Site, open_site

WEST = ("west", 1)


@pytest.fixture
def halls(database: Database) -> Site:
    return open_site(database)


@pytest.fixture
def voucher(event: Event) -> Voucher:
    return Voucher(event.root_key, event.event_id)


def check(event: Event, order: wire.PlaceOrder, kiosk: tuple[str, int] = WEST) -> None:
    """Raises BadSignatureError."""
    verify_order(
        event.root_key.public, event.event_id, kiosk, PoolKey(order.hall, order.kind),
        order.signature, granted=order.granted, incarnation=order.incarnation,
    )  # fmt: skip


def test_an_order_on_the_feed(halls: Site, event: Event, database: Database) -> None:
    app = create_app(event, database, now=lambda: NOW)
    hub = services_of(app).hub
    try:
        before = cursor(database.reader)
        live = hub.subscribe(before, hall_id=SMALL, kiosk="west", generation=1)
        order = pools.orders_for(database.reader, WEST, NOW)[0]
        database.write(lambda db: publish(db, wire.PlacesOrdered(order, 1), kiosk="west"))
        missed = hub.subscribe(before, hall_id=SMALL, kiosk="west", generation=1)
        for subscription in (live, missed):
            message = subscription.take(5.0)
            assert message is not None
            change = wire.decode_change(message.body)
            assert isinstance(change, wire.PlacesOrdered)
            assert message.sent == f"id: {message.cursor}\ndata: {message.body}\n\n".encode()
            check(event, change.order)
    finally:
        close_app(app)


def test_the_orders_of_a_snapshot(
    halls: Site, event: Event, database: Database, voucher: Voucher
) -> None:
    facts = database.write(lambda db: snapshot.snapshot(db, event, WEST, 1, NOW, voucher))
    assert {order.override for order in facts.orders} == {False, True}
    for order in facts.orders:
        check(event, order)


@pytest.mark.parametrize(
    "changes",
    [{"granted": 7}, {"incarnation": 2}, {"hall": 2}, {"override": True}],
    ids=lambda changes: next(iter(changes)),
)
def test_it_signs_the_total_its_hall_and_its_server(
    event: Event, voucher: Voucher, changes: dict[str, int]
) -> None:
    order = voucher.order(WEST, wire.PlaceOrder(SMALL, 6, 0, 1))
    check(event, order)
    check(event, msgspec.structs.replace(order, recall=3, left=9))
    with pytest.raises(BadSignatureError):
        check(event, msgspec.structs.replace(order, **changes))


def test_it_signs_for_one_kiosk_of_one_event(event: Event, voucher: Voucher) -> None:
    order = voucher.order(WEST, wire.PlaceOrder(SMALL, 6, 0, 1))
    for kiosk in (("east", 1), ("west", 2)):
        with pytest.raises(BadSignatureError):
            check(event, order, kiosk)
    with pytest.raises(BadSignatureError):
        check(dataclasses.replace(event, event_id=bytes(16)), order)


def test_what_was_signed_is_not_signed_again(event: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    signed: list[bytes] = []
    sign = type(event.root_key).sign
    monkeypatch.setattr(
        type(event.root_key), "sign", lambda key, raw: signed.append(raw) or sign(key, raw)
    )
    voucher = Voucher(event.root_key, event.event_id)
    for granted in (6, 6, 7, 6):
        voucher.order(WEST, wire.PlaceOrder(SMALL, granted, granted, 1))
    assert len(signed) == 2
    for entries in (3, 3, 4):
        voucher.mark(1, Position("0" * 32, 9, entries))
    assert len(signed) == 4
