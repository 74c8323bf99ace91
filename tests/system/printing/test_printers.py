"""A real server that is killed while it prints, and CUPS's own test printer."""

import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from zebrafy import ZebrafyZPL

from server.features.printers import jobs, store
from server.features.printers.drivers import ipp
from server.features.printers.drivers.driver import PerhapsPrintedError, Sheet
from server.features.printers.drivers.ipp import IppDriver
from server.features.printers.jobs import Job
from server.features.printers.states import JobState, PrinterState, Problem
from server.features.printers.store import PrinterPlan
from tests.server.features.printers.turns import FakeTurn, picture
from tests.server.features.printers.virtual_zpl import VirtualZpl
from tests.system.support.site import LiveSite, free_port, now_ms, site, wait_for
from tests.tools import need

pytestmark = pytest.mark.system

PEOPLE = 30
KILLS = 3
VENUE = """
[[hall]]
code = "hall"
name = "Hall"
capacity = 10
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[LiveSite]:
    with site(tmp_path, VENUE, PEOPLE) as live:
        yield live


def all_jobs(place: LiveSite) -> list[Job]:
    with place.database.reading() as db:
        return jobs.newest_jobs(db, 10_000)


def codes(printers: list[VirtualZpl]) -> list[bytes]:
    """The printed labels, each by its dots. No two badges have the same."""
    return [code for printer in printers for code in printer.printed]


def test_a_server_killed_while_printing_prints_each_job_once(place: LiveSite) -> None:
    """Each job is done and its label printed, or its desk is asked about it."""
    choice = random.Random(20260504)
    with ExitStack() as stack:
        virtual = [VirtualZpl(takes_s=0.4), VirtualZpl(takes_s=0.4, counts=False)]
        for number, printer in enumerate(virtual):
            stack.callback(printer.close)
            plan = PrinterPlan(
                f"desk {number}", printer.address, "zpl", "4x3in", 203, place=number,
                desks=(f"North {number}",),
            )  # fmt: skip
            place.write(lambda db, plan=plan: store.add(db, plan, by="test", now=now_ms()))
        place.start_server()
        queued = []
        for person in range(PEOPLE):
            serial = place.serial(person)
            queued.append(
                place.write(
                    lambda db, serial=serial, person=person: jobs.enqueue(
                        db, serial, 1, desk=f"North {person % 2}", by="user:1", now=now_ms()
                    )
                )
            )
        for kill in range(KILLS):
            # A new server draws its first cards slowly. It is killed once both printers print.
            before = [len(printer.printed) for printer in virtual]
            wait_for("labels", lambda before=before: has_more(virtual, before))
            time.sleep(choice.uniform(0.0, 0.6))
            if kill == KILLS - 1:
                # One of the kills surely interrupts a label, and the server cannot know whether it
                # printed.
                virtual[1].holds = True
                wait_for("a label on its way", lambda: virtual[1].waiting)
            place.server.kill()
            virtual[1].holds = False
            place.start_server()
        ended = (JobState.DONE, JobState.FAILED)
        wait_for("every job's end", lambda: all(job.state in ended for job in all_jobs(place)))
        wait_for("what is in the printers", lambda: not any(printer.waiting for printer in virtual))
        ended_jobs = {job.job_id: job for job in all_jobs(place)}
        assert set(ended_jobs) == set(queued)
        out = codes(virtual)
        assert len(out) == len(set(out)), "a label came out twice"
        asked = [job for job in ended_jobs.values() if job.state is JobState.FAILED]
        done = [job for job in ended_jobs.values() if job.state is JobState.DONE]
        assert {job.problem for job in asked} <= {Problem.PERHAPS_PRINTED}
        # Each finished job printed. Some of the uncertain ones did too.
        assert len(done) <= len(out) <= len(done) + len(asked)
        # A kill can interrupt at most the job at each printer.
        assert len(asked) <= KILLS * len(virtual)
        printed = place.query("SELECT COUNT(*) FROM badge WHERE printed = 1")
        more = place.query("SELECT COUNT(*) FROM badge WHERE printed > 1")
        assert (printed, more) == ([(len(done),)], [(0,)])
        assert asked, "no kill caught a job on its way"
        assert all(len(ZebrafyZPL(card.decode()).to_images()) == 1 for card in out[:2])


def has_more(printers: list[VirtualZpl], before: list[int]) -> bool:
    return all(len(printer.printed) > then for printer, then in zip(printers, before, strict=True))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """CUPS's test printer, with its own bus instead of the system's."""
    need("ippeveprinter", "dbus-daemon")
    spool = tmp_path / "spool"
    spool.mkdir()
    port = free_port()
    with ExitStack() as stack:
        bus = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", "--print-address"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        stack.callback(_end, bus)
        where = bus.stdout.readline().strip()
        log = stack.enter_context((tmp_path / "ippeve.log").open("wb"))
        server = subprocess.Popen(
            ["ippeveprinter", "-p", str(port), "-r", "off", "-k", "-d", str(spool), "-s", "10,0",
             "-K", str(tmp_path), "-f", "application/pdf,image/pwg-raster",
             # Without a print command it only waits, for 5 to 15 s a job.
             "-c", shutil.which("true"), "Desk"],
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": where},
            stdout=log,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        stack.callback(_end, server)
        driver = IppDriver(ipp.KIND.address(f"ipp://localhost:{port}/ipp/print"), 300)
        wait_for("ippeveprinter", lambda: driver.status().state is PrinterState.READY)
        yield port, spool


def _end(child: subprocess.Popen) -> None:
    child.terminate()
    try:
        child.wait(240)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child.stdout:
        child.stdout.close()


def real_sheet(place: LiveSite, name: str) -> Sheet:
    from server.features.printers.sheets import sheet_of

    plan = PrinterPlan("office", "ipp://localhost/", "ipp", "a6", 300)
    with place.database.reading() as db:
        test = Job(
            1, None, None, "", "t", 0, 1, True, JobState.PRINTING, Problem.NONE, "", None, "", None
        )
        sheet, _ = sheet_of(db, place.event, plan, test)
    return Sheet(name, sheet.size_mm, sheet.pdf, sheet.picture)


def test_cups_own_printer_prints_a_card_as_pdf(place: LiveSite, office: tuple[int, Path]) -> None:
    port, spool = office
    driver = IppDriver(ipp.KIND.address(f"ipp://localhost:{port}/ipp/print"), 300)
    turn = FakeTurn()
    driver.print(real_sheet(place, "0042"), turn)
    (kept,) = spool.glob("*.pdf")
    assert kept.read_bytes().startswith(b"%PDF")
    assert "0042" in kept.name
    assert turn.sent == ["1"]
    driver.resume("1", FakeTurn())
    with pytest.raises(PerhapsPrintedError, match="no longer knows"):
        driver.resume("77", FakeTurn())


def test_cups_own_printer_takes_our_raster(place: LiveSite, office: tuple[int, Path]) -> None:
    port, spool = office
    driver = IppDriver(ipp.KIND.address(f"ipp://localhost:{port}/ipp/print"), 300)

    class RasterOnly(IppDriver):
        def _document(self, sheet, printer):
            attributes = {**printer, "document-format-supported": ["image/pwg-raster"]}
            return super()._document(sheet, attributes)

    RasterOnly(driver._address, 300).print(real_sheet(place, "7"), FakeTurn())
    (kept,) = spool.glob("*.pwg")
    assert kept.read_bytes()[:4] == b"RaS2"
    assert picture(100).mode == "L"


def test_cups_own_printer_over_tls_is_known_by_its_certificate(office: tuple[int, Path]) -> None:
    port, _ = office
    where = ipp.KIND.address(f"ipps://localhost:{port}/ipp/print")
    first = IppDriver(where, 300).status()
    assert (first.state, len(first.certificate)) == (PrinterState.READY, 64)
    same = IppDriver(where, 300, certificate=first.certificate)
    assert same.status().state is PrinterState.READY
    other = IppDriver(where, 300, certificate="00" * 32).status()
    assert (other.state, "certificate has changed" in other.words) == (PrinterState.ERROR, True)


def test_a_server_prints_on_cups_own_printer(place: LiveSite, office: tuple[int, Path]) -> None:
    port, spool = office
    plan = PrinterPlan("office", f"ipps://localhost:{port}/ipp/print", "ipp", "a6")
    number = place.write(lambda db: store.add(db, plan, by="test", now=now_ms()))
    queued = [
        place.write(
            lambda db, person=person: jobs.enqueue(
                db, place.serial(person), 1, desk="North 1", by="user:1", now=now_ms()
            )
        )
        for person in range(3)
    ]
    place.start_server()
    wait_for("three cards", lambda: all(job.state is JobState.DONE for job in all_jobs(place)))
    assert len(list(spool.glob("*.pdf"))) == len(queued) == 3
    with place.database.reading() as db:
        assert len(store.printer(db, number).certificate) == 64
