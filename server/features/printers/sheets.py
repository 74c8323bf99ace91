import io
from functools import partial

from PIL import Image

from badges.i18n import N_
from badges.printing.card import Card, render_pdf, render_pngs
from badges.printing.look import Look
from server.core.event.directory import Event
from server.core.people import attendees, card_design, cards, issuing
from server.core.people.cards import PrintedBadge
from server.core.venue import store
from server.features.printers.drivers.driver import Sheet
from server.features.printers.jobs import Job
from server.features.printers.states import PrintingError, Problem
from server.features.printers.store import PrinterPlan
from server.storage.connection import Connection

TEST_TEXT = "TEST PRINT"  # The code's content, which doors deny
TEST_NAME = "test"


class NotDueError(PrintingError):
    """The badge must not be printed; `problem` is the reason."""

    def __init__(self, problem: Problem, words: str) -> None:
        super().__init__(words)
        self.problem = problem


def sheet_of(
    db: Connection, event: Event, plan: PrinterPlan, due: Job
) -> tuple[Sheet, list[PrintedBadge]]:
    """Return a job's card, and its badge; a test print has none.

    Raises NotDueError, or DesignError. Drawing later may raise CardError.
    """
    design = card_design.read_design(event, format_name=plan.format, layer_only=plan.layer_only)
    if due.serial is None:
        return _sheet(_test_card(db), design.look, TEST_NAME), []
    badge = issuing.current_badge(db, due.serial)
    if badge.issue != due.issue:
        words = N_("The badge was replaced since it was sent here: print the new one.")
        raise NotDueError(Problem.REPLACED, words)
    if attendees.attendee(db, due.serial).revoked_at is not None:
        raise NotDueError(Problem.REVOKED, N_("The badge was revoked since it was sent here."))
    (printed,) = cards.read(db, event, [badge], lines=design.lines, photo=design.photo_of())
    return _sheet(printed.card, design.look, printed.card.badge_number), [printed]


def _sheet(card: Card, look: Look, name: str) -> Sheet:
    size = (look.format.page_width, look.format.page_height)
    pdf = partial(render_pdf, [card], look=look)
    return Sheet(name, size, pdf, partial(_picture, card, look))


def _picture(card: Card, look: Look, dpi: float) -> Image.Image:
    return Image.open(io.BytesIO(render_pngs([card], look, dpi)[0]))


def _test_card(db: Connection) -> Card:
    category = store.categories(db)[0]
    first, second = cards.both_languages(category.names)
    return Card(
        text=TEST_TEXT,
        given_name="Test",
        family_name="print",
        organisation="测试打印",
        country="",
        category_name=first,
        category_second_name=second,
        category_letter=category.letter,
        category_colour=category.colour,
        badge_number="TEST",
    )
