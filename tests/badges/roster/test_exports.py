"""Exports of ticket shops and registration systems are read by their own titles and words."""

import csv
import io

import pytest

from badges.roster.mapping import MappingError, RosterMapping, WordRead, mapping_text, read_mapping
from badges.roster.reader import Roster
from badges.roster.table import RosterAnswers
from tests.badges.roster.rosters import messages, read
from tests.badges.roster.test_findings import finding

# The titles of pretix's list of order positions, as its exporter writes them.
PRETIX = (
    "Event slug|Order code|Position ID|Status|Email|Phone number|Order date|Order time|Product"
    "|Variation|Price|Tax rate|Tax rule|Tax value|Attendee name|Attendee name: Given name"
    "|Attendee name: Family name|Attendee email|Company|Address|ZIP code|City|Country|State|Voucher"
    "|Pseudonymization ID|Seat ID|Seat name|Seat zone|Seat row|Seat number|Order comment"
    "|Follow-up date|Company|Invoice address name|Address|ZIP code|City|Country|State|VAT ID"
    "|Sales channel|Order locale|E-mail address verified|Payment providers"
).split("|")
EVENTBRITE = (
    "Order #|Order Date|First Name|Last Name|Email|Quantity|Price Tier|Ticket Type|Attendee #|Group"
    "|Order Type|Currency|Total Paid|Fees Paid|Eventbrite Fees|Eventbrite Payment Processing"
    "|Attendee Status|Home Address 1|Home Address 2|Home City|Home State|Home Zip|Home Country"
    "|Job Title|Company"
).split("|")
INDICO = (
    "ID|Name|First Name|Last Name|Email Address|Affiliation|Position|Phone|Country"
    "|Registration date|Registration state|Price|Checked in|Check-in date"
).split("|")
ADMISSION = read_mapping('[categories]\n"General Admission" = "delegate"\n"" = "delegate"\n')
BY_PRODUCT = read_mapping('[categories]\n"Forum ticket" = "delegate"\n')


def csv_of(titles: list[str], *rows: dict[str, str]) -> str:
    """A CSV with these titles. A row gives the first column with a title its text."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(titles)
    for row in rows:
        cells = ["" for _ in titles]
        for title, text in row.items():
            cells[titles.index(title)] = text
        writer.writerow(cells)
    return out.getvalue()


def pretix(**cells: str) -> dict[str, str]:
    named = {
        "Order code": "ABCDE", "Position ID": "1", "Status": "paid", "Email": "buyer@example.org",
        "Product": "Forum ticket", "Attendee name": "Dr Anna Ødegård",
        "Attendee name: Given name": "Anna", "Attendee name: Family name": "Ødegård",
        "Attendee email": "anna@example.org", "Company": "Fjord AS", "Country": "NO",
        "Order locale": "de-informal", "Phone number": "+49 30 123456",
    }  # fmt: skip
    return named | {title.replace("_", " "): text for title, text in cells.items()}


class TestPretix:
    def test_positions(self) -> None:
        text = csv_of(
            PRETIX,
            pretix(),
            pretix(Position_ID="2", Attendee_email="", Variation="Early bird"),
        )
        roster = read(text, words=BY_PRODUCT)
        assert messages(roster) == ""
        first, second = roster.rows
        assert (first.external_id, second.external_id) == ("ABCDE-1", "ABCDE-2")
        assert (first.given_name, first.family_name) == ("Anna", "Ødegård")
        assert (first.email, second.email) == ("anna@example.org", "")
        assert (first.organisation, first.country, first.language) == ("Fjord AS", "NO", "de")
        assert {row.category for row in roster.rows} == {"delegate"}
        assert [row.order_number for row in roster.rows] == ["ABCDE", "ABCDE"]
        assert [row.phone for row in roster.rows] == ["+49 30 123456", "+49 30 123456"]
        question = finding(roster, "export")
        assert "an export of pretix" in question.message
        assert "external_id: 'Order code' and 'Position ID'" in question.examples

    def test_a_variation_may_be_another_category(self) -> None:
        text = csv_of(PRETIX, pretix(), pretix(Position_ID="2", Variation="Speaker"))
        mapping = read_mapping(
            '[categories]\n"Forum ticket" = "delegate"\n"Forum ticket – Speaker" = "speaker"\n'
        )
        rows = read(text, words=mapping).rows
        assert [row.category for row in rows] == ["delegate", "speaker"]

    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            ("canceled", "cancelled"), ("c", "cancelled"), ("expired", "cancelled"),
            ("e", "cancelled"), ("pending", "pending"), ("n", "pending"),
            ("approval pending", "pending"), ("paid", ""), ("p", ""), ("canceled (paid fee)",
            "cancelled"),
        ],
    )  # fmt: skip
    def test_status(self, status: str, kind: str) -> None:
        roster = read(csv_of(PRETIX, pretix(Status=status)), words=BY_PRODUCT)
        assert [entry.kind for entry in roster.findings] == ["export", *filter(None, [kind])]
        assert len(roster.rows) == (not kind)

    def test_letters_are_codes_in_pretix_alone(self) -> None:
        roster = read("name,category,status\nAnna,press,c\n")
        assert [entry.kind for entry in roster.findings] == ["status_unknown"]
        assert len(roster.rows) == 1

    def test_check_in_list(self) -> None:
        titles = (
            "Order code|Attendee name|Attendee name: Given name|Attendee name: Family name|Product"
            "|Price|Checked in|Checked out|Automatically checked in|Paid|E-mail|Company"
        ).split("|")
        common = {"Product": "Press", "Order code": "ABCDE", "E-mail": "buyer@example.org"}
        text = csv_of(
            titles,
            {**common, "Attendee name: Given name": "Anna", "Paid": "Yes"},
            {**common, "Attendee name: Given name": "Bo", "Paid": "No"},
        )
        roster = read(text)
        assert messages(roster) == ""
        # Two people of one order have its code, so it is no id.
        assert [(row.given_name, row.external_id) for row in roster.rows] == [("Anna", "")]
        assert finding(roster, "pending").count == 1
        both = read(text, answers=RosterAnswers(pending="take"))
        assert [row.given_name for row in both.rows] == ["Anna", "Bo"]

    def test_the_list_of_orders_has_no_attendees(self) -> None:
        roster = read("Order code,Order total,Status,Email,Name\nABCDE,10,paid,a@x.org,Anna\n")
        assert messages(roster).startswith("line 1: this is pretix's list of orders")
        assert not roster.rows


class TestEventbrite:
    ROW = {
        "Order #": "123456789", "Attendee #": "987654321", "First Name": "Anna",
        "Last Name": "Ødegård", "Email": "anna@example.org", "Quantity": "1",
        "Ticket Type": "General Admission", "Attendee Status": "Attending", "Home Country": "US",
        "Company": "Fjord AS", "Order Type": "Free Order",
    }  # fmt: skip

    def test_attendees(self) -> None:
        other = self.ROW | {"Attendee #": "987654322", "First Name": "Bo", "Email": "b@x.org"}
        roster = read(csv_of(EVENTBRITE, self.ROW, other), words=ADMISSION)
        assert messages(roster) == ""
        first, second = roster.rows
        assert (first.external_id, second.external_id) == ("987654321", "987654322")
        assert (first.given_name, first.country, first.organisation) == ("Anna", "US", "Fjord AS")
        assert first.category == "delegate"
        assert (first.order_number, second.order_number) == ("123456789", "123456789")
        assert "Order Date" in roster.unread

    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            ("Attending", ""), ("Checked In", ""), ("Not Attending", "cancelled"),
            ("Deleted", "cancelled"), ("Transferred", "cancelled"), ("Unpaid", "pending"),
            ("Refunded", "cancelled"),
        ],
    )  # fmt: skip
    def test_status(self, status: str, kind: str) -> None:
        text = csv_of(EVENTBRITE, self.ROW | {"Attendee Status": status})
        roster = read(text, words=ADMISSION)
        assert [entry.kind for entry in roster.findings] == ["export", *filter(None, [kind])]

    def test_a_row_of_several_tickets_is_reported(self) -> None:
        roster = read(csv_of(EVENTBRITE, self.ROW | {"Quantity": "3"}), words=ADMISSION)
        assert finding(roster, "several_tickets").examples == ("line 2: 3 tickets",)
        assert len(roster.rows) == 1


class TestIndico:
    ROW = {
        "ID": "1", "Name": "Anna Ødegård", "First Name": "Anna", "Last Name": "Ødegård",
        "Email Address": "anna@example.org", "Affiliation": "CERN", "Country": "Switzerland",
        "Registration state": "Completed", "Phone": "+41 22 767 6111",
    }  # fmt: skip

    def test_registrations(self) -> None:
        other = self.ROW | {"ID": "2", "First Name": "Bo", "Email Address": "bo@example.org"}
        roster = read(csv_of(INDICO, self.ROW, other), words=ADMISSION)
        assert messages(roster) == ""
        first, second = roster.rows
        # Indico's numbers are permanent, so nothing is asked about them.
        assert (first.external_id, second.external_id) == ("1", "2")
        assert (first.given_name, first.family_name) == ("Anna", "Ødegård")
        assert (first.organisation, first.country, first.category) == ("CERN", "CH", "delegate")
        assert first.phone == "+41 22 767 6111"
        assert [entry.kind for entry in roster.findings] == ["export"]

    @pytest.mark.parametrize(
        ("state", "kind"),
        [
            ("Completed", ""), ("Pending", "pending"), ("Rejected", "cancelled"),
            ("Withdrawn", "cancelled"), ("Awaiting payment", "pending"),
        ],
    )  # fmt: skip
    def test_state(self, state: str, kind: str) -> None:
        text = csv_of(INDICO, self.ROW | {"Registration state": state})
        roster = read(text, words=ADMISSION)
        assert [entry.kind for entry in roster.findings] == ["export", *filter(None, [kind])]

    def test_a_missing_category_is_reported_with_the_remedy(self) -> None:
        roster = read(csv_of(INDICO, self.ROW))
        assert not roster.rows
        assert 'under [categories], "" = "delegate"' in messages(roster)


class TestWords:
    TEXT = "name,ticket\nAnna,General Admission\nBo,Press\nCy,General Admission\nDi,Early Bird\n"

    def test_each_unknown_word_is_named_once_with_its_rows(self) -> None:
        question = finding(read(self.TEXT), "unknown_categories")
        assert not question.open
        assert question.message == "words that are no category of this event"
        assert question.examples == (
            "'General Admission' in 2 rows, first in line 2",
            "'Early Bird' in 1 row, first in line 5",
        )

    def test_the_columns_read_become_a_mapping_for_the_next_file(self) -> None:
        roster = read(self.TEXT)
        text = mapping_text(roster.columns, roster.words, RosterMapping())
        assert '"General Admission" = ""  # 2 rows' in text
        assert '"Press" = "press"  # 1 row' in text
        filled = text.replace('Admission" = ""', 'Admission" = "delegate"')
        filled = filled.replace('Bird" = ""', 'Bird" = "speaker"')
        again = read(self.TEXT, words=read_mapping(filled))
        assert [row.category for row in again.rows] == ["delegate", "press", "delegate", "speaker"]
        assert again.findings == ()

    def test_a_saved_mapping_finds_the_same_columns(self) -> None:
        text = csv_of(PRETIX, pretix(Product="Press"))
        roster = read(text)
        saved = mapping_text(roster.columns, roster.words, RosterMapping(countries={"Norge": "NO"}))
        mapping = read_mapping(saved)
        assert mapping.countries == {"Norge": "NO"}
        again = read(text, words=mapping)
        assert (again.rows, again.columns) == (roster.rows, roster.columns)
        assert 'organisation = { title = "Company", number = 1 }' in saved
        assert 'external_id = ["Order code", "Position ID"]' in saved

    @pytest.mark.parametrize("title", ['a"b\\c', "多 \x7f\t名", "'x' # y = z", "]"])
    def test_any_title_and_word_survives(self, title: str) -> None:
        out = io.StringIO()
        csv.writer(out).writerows([["name", "category", title], ["Anna", "press", "F"]])
        roster = read(out.getvalue(), mapping={"organisation": title})
        saved = mapping_text(roster.columns, roster.words, RosterMapping(countries={title: "FR"}))
        mapping = read_mapping(saved)
        assert mapping.columns["organisation"].titles == (title.strip(),)
        assert mapping.countries == {title: "FR"}

    def test_wrong_words(self) -> None:
        mapping = RosterMapping(categories={"x": "nobody"}, countries={"y": "Atlantis"})
        message = messages(read("name,category\nAnna,press\n", words=mapping))
        assert "the mapping assigns 'x' to 'nobody': use one of delegate, press, speaker" in message
        assert "in the mapping, 'Atlantis' is not a known country" in message

    @pytest.mark.parametrize(
        ("table", "word", "meaning", "cells"),
        [
            ("categories", "Guest", "press", "Guest,PT,1"),
            ("countries", "Atlantis", "PT", "press,Atlantis,1"),
            ("days", "gala", "1", "press,PT,gala"),
        ],
    )
    def test_a_word_left_unfilled_is_asked_again(
        self, table: str, word: str, meaning: str, cells: str
    ) -> None:
        """As a saved mapping says of each empty word: it never stands for an empty cell."""
        text = f"name,category,country,days\nAnna,{cells}\n"
        filled = read_mapping(f'[{table}]\n"{word}" = "{meaning}"\n')
        unfilled = read_mapping(f'[{table}]\n"{word}" = ""\n')
        assert messages(read(text, words=filled)) == ""
        asked = read(text, words=unfilled)
        without = read(text)
        assert word in messages(without)
        assert messages(asked) == messages(without)
        assert (asked.unknown, asked.words) == (without.unknown, without.words)

    def test_a_sheet_left_unfilled_is_asked_again(self) -> None:
        saved = mapping_text({}, (WordRead("", "", 3, sheet="VIP"),), RosterMapping())
        assert '[sheets]\n"VIP" = ""  # 3 rows' in saved
        assert read_mapping(saved).sheets == {}

    def test_a_mapping_gives_a_country(self) -> None:
        mapping = RosterMapping(countries={"Atlantis": "PT"})
        text = "name,category,country\nAnna,press,ATLANTIS\n"
        assert read(text, words=mapping).rows[0].country == "PT"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("name = ", "is not TOML"),
            ("name = " + "9" * 5000, "is not TOML"),
            ("name = 3", "write name = \"the column's title"),
            ("name = []", "write name = \"the column's title"),
            ('name = ["a", 1]', "write name = \"the column's title"),
            ('categories = "x"', "categories is a table"),
            ("[categories]\nx = 1", '[categories]: write "x" = "the key of a category"'),
            ("[countries]\nx = true", '[countries]: write "x" = "the ISO code'),
            ('name = { title = "x", number = 0 }', "write name ="),
        ],
    )
    def test_impossible_mappings_are_refused(self, text: str, message: str) -> None:
        with pytest.raises(MappingError, match=".*") as caught:
            read_mapping(text)
        assert message in str(caught.value)

    def test_one_of_two_columns_with_a_title(self) -> None:
        text = "name,category,Firm,Firm\nAnna,press,A,B\n"
        for number, firm in ((1, "A"), (2, "B")):
            mapping = read_mapping(f'organisation = {{ title = "Firm", number = {number} }}')
            assert read(text, words=mapping).rows[0].organisation == firm
        message = messages(read(text, mapping={"organisation": "Firm"}))
        assert "several columns have that title" in message
        mapping = read_mapping('organisation = { title = "Firm", number = 3 }')
        assert "only 2 columns have that title" in messages(read(text, words=mapping))


def test_it_is_not_taken_for_an_export_by_one_title() -> None:
    roster: Roster = read("Order code,name,category\nABCDE,Anna,press\n")
    assert roster.findings == ()
    assert roster.rows[0].external_id == "ABCDE"
