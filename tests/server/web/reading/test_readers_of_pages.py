"""A request returns its borrowed reader before its answer's body is sent."""

from tests.server.support.pages import Pages

prepare = Pages.issue  # for every attendee


def lent(pages: Pages) -> int:
    return pages.database.readers[0]


def test_pages_give_theirs_back(pages: Pages) -> None:
    admin = pages.staff("admin")
    for target in ("/admin/", "/admin/people/?q=anna", "/admin/entries", "/admin/nowhere"):
        admin.get(target)
        assert lent(pages) == 0, target


def test_a_held_feed_keeps_none(pages: Pages) -> None:
    stewards = [pages.staff("steward").get("/admin/live") for _ in range(3)]
    streams = [feed.iter_encoded() for feed in stewards]
    for stream in streams:
        assert next(stream) == b"retry: 1000\n\n"
        assert b"latest" in next(stream)
    assert lent(pages) == 0
    for feed in stewards:
        feed.close()


def test_a_long_answer_has_its_own_until_it_ends(pages: Pages) -> None:
    door = pages.kiosk("main-1", "main")
    door.scan(pages.now, pages.serial("A1"))
    pages.send(door)
    auditor = pages.staff("auditor")
    answer = auditor.get("/admin/entries.csv")
    parts = answer.iter_encoded()
    assert next(parts)
    assert lent(pages) == 1
    auditor.get("/admin/entries")  # another request on the same thread takes nothing from it
    assert b"main-1" in b"".join(parts)
    assert lent(pages) == 0
    answer.close()
    broken_off = auditor.get("/admin/entries.csv")
    next(broken_off.iter_encoded())
    broken_off.close()
    assert lent(pages) == 0
