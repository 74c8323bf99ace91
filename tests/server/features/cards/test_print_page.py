"""The page that makes a PDF of all cards."""

import errno

import pypdfium2
import pytest

from server.core.people import cards
from server.features.cards.pages.printing import KIND
from server.storage.disk import DiskError
from server.web.jobs import OwnJob, State, jobs_of
from server.web.services import services_of
from tests.server.conftest import MINUTE
from tests.server.support.pages import Pages, Staff, acts
from tests.waiting import LONGEST_S

PAGE = "/admin/cards/print"


@pytest.fixture
def admin(pages: Pages) -> Staff:
    pages.issue()
    return pages.known("admin")


def ended(pages: Pages) -> OwnJob:
    with pages.app.app_context():
        jobs = jobs_of(services_of(pages.app))
    job = jobs.own(KIND)
    assert job is not None
    assert job.ended.wait(LONGEST_S)
    return job


def test_all_cards_with_progress_and_a_download(pages: Pages, admin: Staff) -> None:
    assert "0 of " in admin.get(PAGE).text
    assert admin.post(f"{PAGE}/start", {"who": "all"}).status_code == 303
    job = ended(pages)
    assert job.state is State.READY
    count = pages.database.reader.execute("SELECT COUNT(*) FROM attendee").fetchone()[0]
    assert f"{count} cards are ready" in admin.get(PAGE).text
    assert "badges_printed" not in acts(pages)
    answer = admin.post(f"{PAGE}/cards.pdf", buffered=True)
    assert answer.mimetype == "application/pdf"
    assert len(pypdfium2.PdfDocument(answer.data)) == count
    assert f"{count} of {count} printed" in admin.get(PAGE).text
    assert admin.get(f"{PAGE}/printed").text.strip() == f"{count} of {count} printed"
    admin.post(f"{PAGE}/cards.pdf", buffered=True)
    assert acts(pages).count("badges_printed") == 1


def test_a_download_that_breaks_counts_nothing(pages: Pages, admin: Staff) -> None:
    """The client goes after the headers and the first pieces."""
    admin.post(f"{PAGE}/start", {"who": "all"})
    ended(pages)
    answer = admin.post(f"{PAGE}/cards.pdf")
    assert answer.status_code == 200
    answer.close()
    assert "badges_printed" not in acts(pages)
    admin.post(f"{PAGE}/cards.pdf", buffered=True)
    assert acts(pages).count("badges_printed") == 1


def test_a_first_download_that_can_not_be_counted_is_counted_later(
    pages: Pages, admin: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.post(f"{PAGE}/start", {"who": "all"})
    ended(pages)

    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(cards, "note_printed", full)
        with pytest.raises(DiskError):
            admin.post(f"{PAGE}/cards.pdf", buffered=True)
    assert "badges_printed" not in acts(pages)
    admin.post(f"{PAGE}/cards.pdf", buffered=True)
    assert acts(pages).count("badges_printed") == 1


def test_a_missing_file_counts_nothing(pages: Pages, admin: Staff) -> None:
    admin.post(f"{PAGE}/start", {"who": "all"})
    ended(pages).path.unlink()
    assert admin.post(f"{PAGE}/cards.pdf", buffered=True).status_code == 500
    assert "badges_printed" not in acts(pages)


def test_only_those_never_printed(pages: Pages, admin: Staff) -> None:
    for _ in range(2):
        admin.post(f"{PAGE}/start", {"who": "not_printed"})
        job = ended(pages)
        admin.post(f"{PAGE}/cards.pdf", buffered=True)
    assert job.state is State.FAILED
    assert "There are no such cards" in admin.get(PAGE).text
    assert not job.path.exists()


def test_cancelled(pages: Pages, admin: Staff) -> None:
    admin.post(f"{PAGE}/start", {"who": "all"})
    admin.post(f"{PAGE}/cancel")
    job = ended(pages)
    assert job.state is State.CANCELLED
    assert not job.path.exists()
    assert "Cancelled" in admin.get(PAGE).text
    assert admin.post(f"{PAGE}/cards.pdf", buffered=True).status_code == 303


def test_only_its_admin_can_download_it(pages: Pages, admin: Staff) -> None:
    admin.post(f"{PAGE}/start", {"who": "all"})
    ended(pages)
    other = pages.staff("admin")
    assert "Another admin made it" in other.get(PAGE).text
    assert other.post(f"{PAGE}/cards.pdf", buffered=True).status_code == 303


def test_it_asks_for_the_password_first(pages: Pages, admin: Staff) -> None:
    pages.now += 16 * MINUTE
    assert "/admin/account/confirm" in admin.post(f"{PAGE}/start", {"who": "all"}).location


def test_the_folder_is_emptied_at_the_start(pages: Pages, admin: Staff) -> None:
    admin.post(f"{PAGE}/start", {"who": "all"})
    job = ended(pages)
    assert job.path.stat().st_mode & 0o077 == 0
    jobs_of(services_of(pages.app)).close()
    assert not job.path.exists()
