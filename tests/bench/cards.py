"""The time of cards: 10,000 in one PDF, one alone, and the same card by ReportLab.

All names are Latin, because ReportLab sets no other script correctly. Processor time is given too:
on a busy machine the clock means little.
"""

import io
import os
import random
import resource
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from badges.credential.base45 import ALPHABET
from badges.printing.card import Card, Day, forget_drawn, render_pdf
from badges.printing.joining import join_pdfs
from badges.printing.look import Look
from badges.printing.qr import symbol
from server.features.cards.drawing import CHUNK_CARDS, PROCESSES_MAX, Drawing
from tests.processes import with_descendants

CARDS = int(os.environ.get("BENCH_CARDS", "10000"))
COMPARED = 200
LOOK = Look("全球数字论坛海港峰会", "Global Digital Forum Harbour Summit", dates="25–27 May 2026")
_GIVEN = "Anna Boris Chen Dana Erik Fatima Georg Hana Ivan Julia Karim Lena Mateo Nora Omar".split()
_FAMILY = "Keller Novak Garcia Ødegård Rossi Haddad Kowalski Silva Murphy Ivanova Dubois".split()
_WORKS = "Harbour Pilots,Fjord & Sønner AS,Institute of Geography,Northern Light Ltd".split(",")


def people(count: int) -> list[Card]:
    """The same people each time."""
    draw = random.Random(10)
    days = tuple(Day(str(25 + day), True) for day in range(3))
    return [
        Card(
            text="HK" + "".join(draw.choices(ALPHABET, k=120)),
            given_name=draw.choice(_GIVEN),
            family_name=draw.choice(_FAMILY),
            organisation=f"{draw.choice(_WORKS)} No. {at}",
            country="Norway",
            category_name="代表",
            category_second_name="Delegate",
            category_letter="D",
            category_colour="#1f5fa8",
            badge_number=f"{at:05}",
            zones=("VIP",) if at % 4 == 0 else (),
            days=days,
        )
        for at in range(count)
    ]


def run() -> dict[str, object]:
    cards = people(CARDS)
    many = _many(cards)  # First, because the rest leaves memory behind.
    render_pdf(cards[:1], look=LOOK)  # Fonts are looked up once a process.
    single_s = _cpu_s(lambda: render_pdf([replace(cards[1], given_name="Zoë")], look=LOOK))
    ours = _cpu_s(lambda: render_pdf(cards[:COMPARED], look=LOOK)) / COMPARED
    forget_drawn()
    theirs = _cpu_s(lambda: reportlab_pdf(cards[:COMPARED])) / COMPARED
    symbols = _cpu_s(lambda: [symbol(card.text) for card in cards[:COMPARED]]) / COMPARED
    return {
        "bench": "cards",
        "one_card_cpu_ms": round(single_s * 1000, 1),
        "card_of_many_cpu_ms": round(ours * 1000, 2),
        "of_which_symbol_cpu_ms": round(symbols * 1000, 2),
        "reportlab_card_cpu_ms": round(theirs * 1000, 2),
        "reportlab_ratio": round(theirs / ours, 1),
        **many,
    }


def _many(cards: list[Card]) -> dict[str, object]:
    """Print all in one PDF, as `hallkeeper print` does."""
    chunks = [cards[at : at + CHUNK_CARDS] for at in range(0, len(cards), CHUNK_CARDS)]
    before, began = _used_s(), time.monotonic()
    drawing = Drawing(chunks, LOOK)
    ended = threading.Event()
    with ThreadPoolExecutor(1) as beside:
        peak = beside.submit(_peak_mb, ended)
        try:
            pdf = join_pdfs(_all(drawing))
        finally:
            ended.set()
            drawing.cancel()
    return {
        "cards": len(cards),
        "processes": min(len(os.sched_getaffinity(0)), PROCESSES_MAX),
        "clock_s": round(time.monotonic() - began, 1),
        "cpu_s": round(_used_s() - before, 1),
        "peak_mb_of_all": peak.result(),
        "peak_mb_here": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "file_mb": round(len(pdf) / 1e6, 1),
    }


def _peak_mb(ended: threading.Event) -> int:
    """Return the peak memory of all processes together, shared pages counted once."""
    peak = 0
    while not ended.wait(0.1):
        peak = max(peak, sum(map(_pss_kb, with_descendants(os.getpid()))))
    return peak // 1024


def _pss_kb(pid: int) -> int:
    with suppress(OSError):  # The process may have ended.
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def _all(drawing: Drawing) -> Iterator[bytes]:
    yield from drawing.pdfs()


def _cpu_s(work: object) -> float:
    began = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - began


def _used_s() -> float:
    """Return the processor time of this process and of its ended children."""
    both = (resource.getrusage(scope) for scope in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def reportlab_pdf(cards: list[Card]) -> bytes:
    """Draw the same facts in the same places with ReportLab and its own QR symbol."""
    from reportlab.graphics import renderPDF
    from reportlab.graphics.barcode.qr import QrCodeWidget
    from reportlab.graphics.shapes import Drawing as Group
    from reportlab.lib.units import mm
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    page = Canvas(out, pagesize=(105 * mm, 148 * mm))
    for card in cards:
        page.setFillColor(card.category_colour)
        page.rect(0, 125 * mm, 105 * mm, 23 * mm, stroke=0, fill=1)
        page.rect(0, 0, 105 * mm, 20 * mm, stroke=0, fill=1)
        page.setFillColor("#ffffff")
        for text, size, y in ((LOOK.event_second_name, 12, 137), (LOOK.dates, 9, 131)):
            page.setFont("Helvetica", size)
            page.drawCentredString(52.5 * mm, y * mm, text)
        page.setFont("Helvetica-Bold", 20)
        page.drawString(25 * mm, 8 * mm, card.category_second_name)
        page.setFillColor("#14181f")
        lines = (
            (card.given_name, 66, 105),
            (card.family_name, 28, 93),
            (card.organisation, 16, 84),
        )
        for text, size, y in lines:
            while page.stringWidth(text, "Helvetica", size) > 89 * mm and size > 6:
                size -= 1
            page.setFont("Helvetica", size)
            page.drawCentredString(52.5 * mm, y * mm, text)
        page.setFont("Helvetica-Bold", 20)
        page.drawRightString(97 * mm, 25 * mm, card.badge_number)
        for at, day in enumerate(card.days):
            page.rect((65 + 8 * at) * mm, 61 * mm, 7 * mm, 7 * mm)
            page.setFont("Helvetica-Bold", 10)
            page.drawString((66 + 8 * at) * mm, 63 * mm, day.label)
        code = QrCodeWidget(card.text, barLevel="M", barBorder=0)
        code.barWidth = code.barHeight = 43 * mm
        group = Group(43 * mm, 43 * mm)
        group.add(code)
        renderPDF.draw(group, page, 8 * mm, 25 * mm)
        page.showPage()
    page.save()
    return out.getvalue()
