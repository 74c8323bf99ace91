"""A kind of printer is a driver and a line of `DRIVERS`, which forms, commands and store read."""

from dataclasses import replace
from pathlib import Path

import pytest

from server.core.event.directory import Event
from server.features.printers import store, worker
from server.features.printers.drivers.zpl import ZplDriver
from server.features.printers.kinds import DRIVERS, kind_of
from server.features.printers.states import PrintingError
from server.storage.database import Database
from tests.server.features.printers.conftest import PrintRoom
from tests.server.support.pages import Pages

DOCS = Path(__file__).parents[4] / "docs/printers.md"


def test_an_unknown_kind_is_refused_with_the_known_ones(room: PrintRoom) -> None:
    with pytest.raises(PrintingError, match="'fax' is not a kind of printer: use one of ipp, zpl"):
        room.add("North", kind="fax")


def test_new_line_is_a_kind(event: Event, site: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    fax = replace(kind_of("zpl"), name="fax", words="Fax", ports={"fax": 99}, formats=("a6",))
    monkeypatch.setitem(DRIVERS, "fax", fax)
    address = "fax://10.0.0.7:99"
    with Pages(event, site) as pages:
        admin = pages.staff("admin")
        assert "Fax" in admin.get("/admin/printers/new").text
        plan = {"name": "N", "kind": "fax", "address": address, "format": "a6", "dpi": "203"}
        assert admin.post("/admin/printers/new", plan).status_code == 303
    (printer,) = store.printers(site.reader)
    assert (printer.plan.kind, printer.plan.address) == ("fax", "fax://10.0.0.7")
    assert isinstance(worker.make_driver(printer), ZplDriver)


def test_the_docs_have_each_kind() -> None:
    rows = [line for line in DOCS.read_text("utf-8").splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == list(DRIVERS)
