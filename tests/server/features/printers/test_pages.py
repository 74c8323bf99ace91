"""Printers: roles that see and set them, labels, test prints, and jobs' states at a desk."""

import re

import pytest

from server.features.printers import jobs, store
from server.features.printers.states import JobState, PrinterState, Problem, Status
from tests.server.support.pages import Pages, acts, assert_only

GOOD = {
    "name": "North",
    "kind": "zpl",
    "address": "tcp://192.168.1.41:9100/",
    "format": "4x3in",
    "dpi": "203",
    "desks": "North 1,  North  2,",
    "place": "2",
}


def prepare(pages: Pages) -> None:
    # A new admin, because the shown pages have no signed-in staff yet.
    assert Pages.staff(pages, "admin").post("/admin/printers/new", GOOD).status_code == 303


def printer_of(pages: Pages) -> int:
    return store.printers(pages.database.reader)[0].printer_id


@pytest.fixture
def printer(pages: Pages) -> int:
    return printer_of(pages)


@pytest.fixture
def job(pages: Pages, printer: int) -> int:
    """A job that may have been printed."""
    pages.issue()
    serial = pages.serial("A1")

    def step(db) -> int:
        number = jobs.enqueue(db, serial, 1, desk="North 1", by="user:1", now=pages.now)
        claimed = jobs.claim(db, printer)
        assert claimed is not None
        jobs.note_sending(db, claimed, "", pages.now)
        words = "The connection was lost."
        jobs.fail(db, number, Problem.PERHAPS_PRINTED, words, pages.now)
        return number

    return pages.database.write(step)


def state(pages: Pages, number: int) -> JobState:
    return jobs.job(pages.database.reader, number).state


def test_an_admin_adds_one(pages: Pages, printer: int) -> None:
    plan = store.printer(pages.database.reader, printer).plan
    assert (plan.name, plan.address, plan.desks) == (
        "North",
        "tcp://192.168.1.41",
        ("North 1", "North 2"),
    )
    page = pages.staff("badge_desk").get("/admin/printers/").text
    assert "North" in page
    assert "Not heard yet" in page
    assert "Add a printer" not in page
    assert "192.168.1.41" not in page
    assert "printer_added" in acts(pages)


def test_desks_may_have_chinese_commas_between(pages: Pages) -> None:
    fields = {**GOOD, "name": "北台", "desks": "北 1，北 2、南 3"}
    assert pages.staff("admin").post("/admin/printers/new", fields).status_code == 303
    added = store.printers(pages.database.reader)[-1]
    assert set(added.plan.desks) == {"北 1", "北 2", "南 3"}
    pages.issue()
    serial = pages.serial("A1")
    number = pages.database.write(
        lambda db: jobs.enqueue(db, serial, 1, desk="北 2", by="user:1", now=pages.now)
    )
    assert jobs.job(pages.database.reader, number).printer_id == added.printer_id


def test_who_may_see_and_who_may_set(shown: Pages) -> None:
    printer = printer_of(shown)
    assert_only(shown, "/admin/printers/", "badge_desk")
    assert_only(shown, "/admin/printers/new")
    assert_only(shown, f"/admin/printers/{printer}/edit")
    desk = shown.staff("badge_desk")
    for target in ("new", f"{printer}/edit", f"{printer}/remove", f"{printer}/certificate"):
        answer = desk.post(f"/admin/printers/{target}", {**GOOD, "confirm": "yes"})
        assert answer.status_code == 403
    steward = shown.staff("steward")
    for target in (f"{printer}/test", f"{printer}/labels", "jobs/1/again", "jobs/1/came-out"):
        assert steward.post(f"/admin/printers/{target}").status_code == 403
    assert len(store.printers(shown.database.reader)) == 1


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("address", "http://192.168.1.41/", "does not begin with tcp://"),
        ("address", "tcp://169.254.169.254", "is not a printer address"),
        ("kind", "fax", "is not a kind of printer"),
        ("format", "a4-four", "can&#39;t print &#39;a4-four&#39;"),
        ("dpi", "72", "72 dots per inch"),
        ("place", "first", "whole number"),
        ("name", "", "1 to 40 characters"),
        ("name", "North", "already"),
    ],
)
def test_errors_are_named_and_form_stays(shown: Pages, field: str, text: str, words: str) -> None:
    given = {**GOOD, "name": "South", field: text}
    answer = shown.staff("admin").post("/admin/printers/new", given)
    assert answer.status_code == 400
    assert words in answer.text
    assert 'value="North 1,  North  2,"' in answer.text
    assert len(store.printers(shown.database.reader)) == 1


def test_it_is_set_anew(pages: Pages, printer: int) -> None:
    admin = pages.staff("admin")
    target = f"/admin/printers/{printer}/edit"
    form = admin.get(target).text
    assert 'value="tcp://192.168.1.41"' in form
    seen = {**GOOD, "seen": re.search(r'name="seen" value="(\w+)"', form)[1]}
    changed = {**seen, "kind": "ipp", "address": "ipp://10.0.0.9/ipp/print", "format": "a6"}
    assert admin.post(target, changed).status_code == 303
    # Another admin's form, from before this change
    assert pages.staff("admin").post(target, {**seen, "name": "South"}).status_code == 409
    plan = store.printer(pages.database.reader, printer).plan
    assert (plan.kind, plan.format) == ("ipp", "a6")
    assert admin.get("/admin/printers/99/edit").status_code == 404


def test_the_desk_loads_labels_and_is_warned_when_few_are_left(pages: Pages, printer: int) -> None:
    desk = pages.staff("badge_desk")
    desk.post(f"/admin/printers/{printer}/labels", {"labels": "21"})
    assert "Few left" not in desk.get("/admin/printers/").text
    pages.database.write(lambda db: store.count_label(db, printer))
    assert "Few left" in desk.get("/admin/printers/").text
    desk.post(f"/admin/printers/{printer}/labels", {"labels": "many"})
    assert store.printer(pages.database.reader, printer).labels_left == 20
    desk.post(f"/admin/printers/{printer}/labels", {"labels": "900000"})
    assert "give a number from 0 to 100,000" in desk.get("/admin/printers/").text
    desk.post(f"/admin/printers/{printer}/labels", {"labels": ""})
    assert store.printer(pages.database.reader, printer).labels_left is None


def test_the_desk_makes_a_test_print(pages: Pages, printer: int) -> None:
    desk = pages.staff("badge_desk")
    desk.post(f"/admin/printers/{printer}/test")
    (job,) = jobs.open_jobs(pages.database.reader)
    assert (job.is_test, job.printer_id) == (True, printer)
    assert "Test print" in desk.get("/admin/printers/").text
    desk.post(f"/admin/printers/jobs/{job.job_id}/give-up")
    assert state(pages, job.job_id) is JobState.CANCELLED


def test_the_desk_says_that_a_card_came_out(pages: Pages, job: int) -> None:
    desk = pages.staff("badge_desk")
    page = desk.get("/admin/printers/").text
    assert "Did the card come out?" in page
    assert "The connection was lost." in page
    desk.post(f"/admin/printers/jobs/{job}/came-out")
    assert state(pages, job) is JobState.DONE
    desk.post(f"/admin/printers/jobs/{job}/again")
    assert "only failed jobs can be printed again" in desk.get("/admin/printers/").text
    desk.get("/admin/printers/?lang=zh")
    desk.post(f"/admin/printers/jobs/{job}/again")
    assert f"任务 {job} 的状态为“已完成”" in desk.get("/admin/printers/").text


def test_the_desk_prints_a_card_again(pages: Pages, job: int) -> None:
    desk = pages.staff("badge_desk")
    desk.post(f"/admin/printers/jobs/{job}/again")
    assert state(pages, job) is JobState.WAITING
    assert (
        "no print job 999"
        in desk.post("/admin/printers/jobs/999/again", follow_redirects=True).text
    )


def test_it_is_removed_when_the_box_is_ticked(pages: Pages, printer: int) -> None:
    admin = pages.staff("admin")
    admin.post(f"/admin/printers/{printer}/remove")
    assert len(store.printers(pages.database.reader)) == 1
    admin.post(f"/admin/printers/{printer}/remove", {"confirm": "yes"})
    assert store.printers(pages.database.reader) == []
    assert admin.post("/admin/printers/new", GOOD).status_code == 303


def test_a_certificate_that_was_replaced_is_accepted(pages: Pages, printer: int) -> None:
    shown = Status(PrinterState.READY, "", "ab" * 32)
    pages.database.write(lambda db: store.note_status(db, printer, shown, pages.now))
    other = Status(PrinterState.READY, "", "cd" * 32)
    pages.database.write(lambda db: store.note_status(db, printer, other, pages.now))
    assert store.printer(pages.database.reader, printer).certificate == "ab" * 32
    pages.staff("admin").post(f"/admin/printers/{printer}/certificate")
    pages.database.write(lambda db: store.note_status(db, printer, other, pages.now))
    assert store.printer(pages.database.reader, printer).certificate == "cd" * 32


def test_it_speaks_chinese(pages: Pages, printer: int) -> None:
    out = Status(PrinterState.PAPER_OUT, "The printer has no labels left.")
    pages.database.write(lambda db: store.note_status(db, printer, out, pages.now))
    page = pages.staff("badge_desk").get("/admin/printers/?lang=zh").text
    assert "打印机" in page
    assert "缺纸" in page
    assert "打印机没有标签了。" in page


def test_a_printers_own_words_are_only_shown(pages: Pages, printer: int) -> None:
    odd = Status(PrinterState.ERROR, "The printer refuses (IPP 0x0400: 100 %(x)s <b>full</b>).")
    pages.database.write(lambda db: store.note_status(db, printer, odd, pages.now))
    page = pages.staff("badge_desk").get("/admin/printers/?lang=zh").text
    assert "100 %(x)s &lt;b&gt;full&lt;/b&gt;" in page
