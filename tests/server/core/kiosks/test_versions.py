"""A kiosk and a server of different versions agree, or all who can act see the remedy."""

import msgspec
import pytest
from click.testing import CliRunner
from werkzeug.test import TestResponse

from badges.wire import wire
from badges.wire.version import HEADER, OWN, WireVersion
from kiosk.sync.protocol import VersionError
from server.core.alerts import kiosks as troubles
from server.core.alerts.alerts import Kind
from server.core.kiosks import registry
from server.features.kiosks.commands import list_kiosks
from server.features.servers.status import look
from server.web.services import services_of
from tests.server.support.in_process import Forum, InProcessKiosk
from tests.server.support.pages import Pages

pytestmark = pytest.mark.sqlite_alone

OLD, LATER = WireVersion(0, 0), WireVersion(9, 8)
FITS = WireVersion(OWN.newest + 1, OWN.newest)
EVERYTHING = "/api/replica?programme=1&days=1&salted=1&servers=1"


@pytest.fixture
def west(forum: Forum) -> InProcessKiosk:
    return forum.enrol("west")


class Sent:
    """Sends a kiosk's requests with another version header, or without it."""

    def __init__(self, kiosk: InProcessKiosk, version: WireVersion | None) -> None:
        self.kiosk, self.version = kiosk, version

    def __call__(self, method: str, target: str, body: bytes = b"") -> TestResponse:
        headers = self.kiosk.transport._signer.headers(method, target, body)
        headers.pop(HEADER)
        if self.version is not None:
            headers[HEADER] = self.version.text
        client = self.kiosk.forum.app.test_client()
        return client.open(target, method=method, data=body, headers=headers)

    def scans(self) -> TestResponse:
        offer = self.kiosk.journal.offer(50)
        batch = wire.ScanBatch(
            records=[msgspec.Raw(record) for record in offer.records],
            first_seq=offer.first_seq, last_seq=offer.state.last_seq, head=offer.head,
            signature=offer.signature, incarnation=offer.state.incarnation,
            sent_at=self.kiosk.forum.now,
        )  # fmt: skip
        return self("POST", "/api/scans", wire.encode(batch))


def error_of(answer: TestResponse) -> wire.ErrorBody:
    return wire.decode(answer.data, wire.ErrorAnswer).error


def row(forum: Forum) -> registry.KioskRow:
    (kiosk,) = registry.kiosks(forum.database.reader)
    return kiosk


def in_ledger(forum: Forum) -> int:
    return int(forum.rows("SELECT COUNT(*) FROM scan")[0][0])


def refused(answer: TestResponse) -> None:
    error = error_of(answer)
    assert (answer.status_code, error.code, error.retry) == (426, "version", False)
    assert "protocol" in error.message or "update the server" in error.message


class TestKioskTooOld:
    def test_it_is_refused_and_keeps_its_scans(self, forum: Forum, west: InProcessKiosk) -> None:
        assert west.present(20)
        forum.now += 5_000
        for ask in (
            Sent(west, OLD).scans,
            lambda: Sent(west, OLD)("GET", EVERYTHING),
            lambda: Sent(west, OLD)("GET", "/api/names?after=0"),
            lambda: Sent(west, OLD)("GET", "/api/feed?after=0"),
        ):
            refused(ask())
        assert (row(forum).seen_at, row(forum).version) == (forum.now, OLD)
        assert (in_ledger(forum), west.journal.state().waiting) == (0, 1)
        west.exchange()
        assert (in_ledger(forum), row(forum).version) == (1, OWN), "once it is updated"

    def test_the_text_is_in_both_languages(self, west: InProcessKiosk) -> None:
        """A kiosk from before the versions shows it unchanged."""
        message = error_of(Sent(west, OLD).scans()).message
        assert "too old for the server" in message
        assert f"needs version {OWN.oldest} or later" in message
        assert "版本过旧" in message

    def test_staff_see_it_everywhere(self, forum: Forum, west: InProcessKiosk) -> None:
        Sent(west, OLD).scans()
        remedy = "Install this server's version of Hallkeeper on the kiosk"
        status = look(forum.database.reader, forum.event, forum.now)
        assert [remedy in text and "Kiosk west" in text for text in status.troubles] == [True]
        settings = services_of(forum.app).event.settings
        (trouble,) = troubles.of_kiosk(row(forum), settings, forum.now)
        assert (trouble.kind, trouble.grave) == (Kind.VERSION, True)
        with Pages(forum.event, forum.database, forum.now) as pages:
            board = " ".join(pages.staff("admin").get("/admin/").text.split())
        assert "Its Hallkeeper is too old" in board
        west.exchange()
        assert look(forum.database.reader, forum.event, forum.now).troubles == []

    def test_the_list_of_kiosks_shows_it(self, forum: Forum, west: InProcessKiosk) -> None:
        Sent(west, OLD).scans()
        output = CliRunner().invoke(list_kiosks, ["--event", str(forum.event.path)]).output
        assert "active, WRONG VERSION" in output
        assert "Install this server's version of Hallkeeper" in output

    def test_what_a_stranger_states_is_not_noted(self, forum: Forum, west: InProcessKiosk) -> None:
        sent = Sent(west, OLD)
        answer = forum.app.test_client().get(EVERYTHING, headers={HEADER: OLD.text})
        assert answer.status_code == 401
        headers = west.transport._signer.headers("GET", EVERYTHING, b"") | {HEADER: OLD.text}
        wrong = forum.app.test_client().get("/api/names?after=0", headers=headers)
        assert error_of(wrong).code == "bad_signature"
        assert row(forum).version == OWN
        assert sent.scans().status_code == 426


class TestWithoutAStatement:
    def test_the_version_before_is_served(self, forum: Forum, west: InProcessKiosk) -> None:
        assert west.present(20)
        assert Sent(west, None)("GET", EVERYTHING).status_code == 200
        assert Sent(west, None).scans().status_code == 200
        assert in_ledger(forum) == 1

    def test_an_early_one_is_told_by_what_it_does_not_ask_for(
        self, forum: Forum, west: InProcessKiosk
    ) -> None:
        assert west.present(20)
        refused(Sent(west, None)("GET", "/api/replica"))
        refused(Sent(west, None).scans())
        assert in_ledger(forum) == 0
        assert Sent(west, None)("GET", EVERYTHING).status_code == 200, "it was updated"
        assert Sent(west, None).scans().status_code == 200
        assert in_ledger(forum) == 1


class TestKioskIsNewer:
    def test_one_that_still_understands_this_server_is_served(
        self, forum: Forum, west: InProcessKiosk
    ) -> None:
        assert Sent(west, FITS).scans().status_code == 200
        assert row(forum).version == FITS
        assert look(forum.database.reader, forum.event, forum.now).troubles == []

    def test_the_server_is_the_one_to_update(self, forum: Forum, west: InProcessKiosk) -> None:
        refused(Sent(west, LATER).scans())
        (trouble,) = look(forum.database.reader, forum.event, forum.now).troubles
        assert "Update the server" in trouble
        with Pages(forum.event, forum.database, forum.now) as pages:
            board = " ".join(pages.staff("admin").get("/admin/").text.split())
        assert "The server is too old for it" in board


def test_each_answer_states_the_servers_version(forum: Forum, west: InProcessKiosk) -> None:
    sent = Sent(west, OWN)
    answers = [
        sent.scans(),
        sent("GET", EVERYTHING),
        sent("GET", "/api/names?after=0"),
        sent("GET", "/api/names?after=x"),
        sent("GET", f"/api/feed?after={west.replica.cursor}"),
        forum.app.test_client().post("/api/scans", data=b"{"),
    ]
    assert [answer.headers.get(HEADER) for answer in answers] == [OWN.text] * len(answers)
    answers[4].close()


@pytest.mark.parametrize(
    ("server", "to_update"),
    [(WireVersion(9, 8), "this kiosk's"), (WireVersion(0, 0), "the server's")],
)
def test_what_the_door_says(server: WireVersion, to_update: str) -> None:
    error = VersionError(server)
    assert (error.code, error.permanent, error.elsewhere) == ("version", True, True)
    assert str(error).lower().startswith(f"{to_update} hallkeeper is too old")
    assert "keeps its scans" in str(error)
