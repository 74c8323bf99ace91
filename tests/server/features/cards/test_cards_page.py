"""The page of card designs: a preview that stores nothing, saving, and undoing."""

import base64
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from werkzeug.test import TestResponse

from badges.printing.look import FORMATS, LINES
from kiosk.reader.photo import read_still
from server.core.event.directory import Event
from server.core.people.card_design import read_design
from server.features.cards.designing import drawer
from server.features.cards.designing.preview import SPECIMEN
from server.storage import durable_files
from server.storage.database import Database
from server.web.services import services_of
from tests.badges.printing.forum import LOGO
from tests.badges.printing.test_pretix import CODE, TEXT, background
from tests.server.conftest import serial_of
from tests.server.support.disks.full_commit import full_at_commit
from tests.server.support.pages import Pages, Staff, assert_only

PAGE = "/admin/cards/"


class Lasting(drawer.Drawer):
    """Stays when an app ends, because starting a process takes longer than most tests."""

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def lasting() -> Iterator[Lasting]:
    kept = Lasting()
    kept._start()
    yield kept
    drawer.Drawer.close(kept)


@pytest.fixture
def pages(event: Event, site: Database, lasting: Lasting) -> Iterator[Pages]:
    with Pages(event, site) as opened:
        draws_with(opened, lasting)
        yield opened


def draws_with(pages: Pages, process: drawer.Drawer) -> None:
    services_of(pages.app).kept[drawer.Drawer] = process


@pytest.fixture
def folder(event: Event) -> Path:
    return event.path / "cards"


def fields(admin: Staff, **more: object) -> dict[str, object]:
    return {**fields_of(admin.get(PAGE).text), **more}


def fields_of(page: str) -> dict[str, object]:
    """The fields that a browser sends of the unchanged page."""
    colours = dict(re.findall(r'name="(colour-[^"]+)" value="([^"]+)"', page))
    seen = re.search(r'name="seen" value="([^"]*)"', page)
    chosen = re.search(r'<option value="([^"]+)" selected', page)
    assert seen
    assert chosen
    checks = re.findall(r'type="checkbox" name="(\w+)" value="yes" checked', page)
    return {
        "seen": seen[1],
        "format": chosen[1],
        "shown": re.findall(r'name="shown" value="(\w+)" checked', page),
        **dict.fromkeys(checks, "yes"),
        **colours,
    }


def file(data: bytes | str, name: str) -> tuple[io.BytesIO, str]:
    return io.BytesIO(data.encode() if isinstance(data, str) else data), name


def preview(admin: Staff, **more: object) -> dict[str, list[str]]:
    answer = admin.post(f"{PAGE}preview", fields(admin, **more))
    assert answer.status_code == 200, answer.text
    return answer.json


def save(admin: Staff, **more: object) -> TestResponse:
    sent = fields(admin, **more)
    with admin.post(f"{PAGE}save", sent, follow_redirects=True) as answer:
        answer.get_data()  # Closing it closes the sent files.
        return answer


def pixels(address: str) -> np.ndarray:
    kind, _, data = address.partition(",")
    assert kind == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        return np.asarray(picture.convert("RGB"))


def colour_of(pages: Pages, key: str) -> str:
    query = "SELECT colour FROM category WHERE code = ?"
    return pages.value(query, key)


def columns(pages: Pages) -> list[str]:
    """The settings in the entry log's act."""
    query = "SELECT body FROM leaf WHERE kind = 'act' ORDER BY number"
    bodies = [json.loads(row[0]) for row in pages.database.reader.execute(query)]
    subjects = [act["subject"] for act in bodies if act["act"] == "cards_set"]
    return [act["columns"] for act in subjects if "columns" in act]


def test_it_works(pages: Pages, admin: Staff, folder: Path) -> None:
    """Drawn, changed and drawn again, saved, printed so, and undone."""
    first = preview(admin)
    assert (len(first["pages"]), first["problems"]) == (1, [])
    again = preview(admin, format="62mm", back="yes")
    assert len(again["pages"]) == 2
    assert pixels(again["pages"][0]).shape != pixels(first["pages"][0]).shape
    assert not folder.exists()
    page = save(admin, format="62mm", back="yes", dates="in May", help="Desk\n\n+49 40").text
    assert "Saved. Cards are printed this way from now on." in page
    assert "Last saved by admin" in page
    look = read_design(pages.event).look
    assert (look.format, look.dates) == (FORMATS["62mm"], "in May")
    assert look.back is not None
    assert look.back.help == ("Desk", "+49 40")
    assert columns(pages) == ["format,back,dates,help"]
    assert "The last save is undone." in admin.post(f"{PAGE}undo", follow_redirects=True).text
    assert read_design(pages.event).look.format == FORMATS["a6"]
    assert not (folder / "cards.toml").exists()
    again = admin.post(f"{PAGE}undo", follow_redirects=True)
    assert "nothing was undone: there is no save" in again.text  # type: ignore[attr-defined]


def test_only_for_admins(pages: Pages) -> None:
    assert_only(pages, PAGE)
    desk = pages.staff("badge_desk")
    for target in ("preview", "save", "undo"):
        assert desk.post(f"{PAGE}{target}").status_code == 403


def test_the_longest_names_are_first_and_each_script_is_there(pages: Pages, admin: Staff) -> None:
    page = admin.get(PAGE).text
    offered = re.findall(r'<option value="(\d+)">([^<]*)<', page)
    names = page.partition('<optgroup label="Scripts">')
    lengths = [len(name) for _, name in re.findall(r'<option value="(\d+)">([^<]*)<', names[0])]
    assert lengths == sorted(lengths, reverse=True)
    assert len(offered) >= 4
    assert "Han: " in names[2]


def test_the_preview_is_no_badge(pages: Pages, admin: Staff) -> None:
    pages.issue()
    ((picture),) = map(pixels, preview(admin)["pages"])
    gray = np.asarray(Image.fromarray(picture).convert("L"))
    assert [sighting.text for sighting in read_still(gray)] == [SPECIMEN]
    assert len(SPECIMEN) == 122


def test_each_line_can_be_hidden(pages: Pages, admin: Staff, folder: Path) -> None:
    folder.mkdir()
    (folder / "photos").mkdir()
    picture = io.BytesIO()
    Image.new("RGB", (60, 80), "#c0ffee").save(picture, "PNG")
    serial = serial_of(pages.database, "A1")
    (folder / "photos" / "A1.png").write_bytes(picture.getvalue())
    (folder / "cards.toml").write_text('photos = "photos"\n')
    whole = preview(admin, person=str(serial))["pages"]
    seen = [whole]
    for line in ("organisation", "days", "number", "photo"):
        kept = [name for name in LINES if name != line]
        drawn = preview(admin, person=str(serial), shown=kept)["pages"]
        assert drawn not in seen, line
        seen.append(drawn)
    save(admin, shown=["organisation"])
    hidden = read_design(pages.event).look.hidden
    assert set(hidden) == set(LINES) - {"organisation"}


def test_colours_are_judged_live_and_saved(pages: Pages, admin: Staff) -> None:
    before = colour_of(pages, "delegate")
    colours = {"colour-delegate": "#0b47cf", "colour-speaker": "#0b48cf"}
    answer = preview(admin, **colours)
    assert any("look alike to " in warning for warning in answer["alike"])
    assert colour_of(pages, "delegate") == before
    assert "is red" in preview(admin, **{"colour-delegate": "#ff0000"})["problems"][0]
    admin.get("/admin/cards/?lang=zh")
    assert preview(admin, **{"colour-delegate": "#ff0000"})["problems"][0].endswith("。")
    save(admin, **{"colour-delegate": "#123456"})
    assert colour_of(pages, "delegate") == "#123456"
    assert columns(pages) == ["colours"]
    admin.post(f"{PAGE}undo")
    assert colour_of(pages, "delegate") == before


def test_a_logo_is_checked_shown_and_stored(pages: Pages, admin: Staff, folder: Path) -> None:
    plain = preview(admin)["pages"]
    assert preview(admin, logo=file(LOGO, "harbour.svg"))["pages"] != plain
    assert not folder.exists()
    save(admin, logo=file(LOGO, "../../harbour.svg"))
    (stored,) = folder.glob("*.svg")
    assert re.fullmatch(r"logo-[0-9a-f]{8}\.svg", stored.name)
    assert read_design(pages.event).look.logo == LOGO
    save(admin, format="4x6in")  # A form without a file leaves the logo.
    assert read_design(pages.event).look.logo == LOGO
    save(admin, no_logo="yes")
    assert read_design(pages.event).look.logo == ""
    admin.post(f"{PAGE}undo")
    assert read_design(pages.event).look.logo == LOGO


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"logo": ("MZ", "logo.png")}, "is no picture that can be read"),
        ({"logo": ("<svg onload='x'><script/></svg>", "x.svg")}, "has scripts"),
        ({"logo": (LOGO, "logo.exe")}, "is not taken here"),
        ({"logo": ("x" * 3_000_001, "x.png")}, "is larger than 3,000 kB"),
        ({"pretix_layout": ("[", "x.json")}, "is no JSON"),
        ({"pretix_layout": (json.dumps([{"type": "x"}]), "x.json")}, "area 1"),
        ({"format": "a5"}, "“Format” must be one of a6"),
        ({"template": "../keys/root.key"}, "“Template” must be the name of a file"),
        ({"template": "none.typ"}, "none.typ can"),
        ({"programme": "9:30"}, "Programme, line 1: write time | Chinese | English | place."),
        ({"help": "1\n2\n3\n4\n5\n6\n7"}, "“Help” must be a list of up to 6 texts"),
        ({"dates": "x" * 201}, "“Dates” must be a text of up to 200"),
        ({"colour-delegate": "#ff0000"}, "is red"),
        ({"colour-delegate": "blue"}, "is no colour"),
        ({"seen": "other"}, "cards.toml has changed"),
    ],
)
def test_bad_input_leaves_all_as_it_was(
    pages: Pages, admin: Staff, folder: Path, more: dict[str, object], why: str
) -> None:
    before = colour_of(pages, "delegate")
    sent = {key: file(*value) if isinstance(value, tuple) else value for key, value in more.items()}
    page = save(admin, back="yes", **sent).text.replace("&#39;", "'")
    assert "Nothing was changed: " in page
    assert why in page
    assert not folder.exists()
    assert colour_of(pages, "delegate") == before
    assert columns(pages) == []


def test_a_refused_form_stays_as_it_was_typed(admin: Staff, folder: Path) -> None:
    typed = {
        "format": "62mm", "back": "yes", "job_title": "yes", "shown": ["number"],
        "colour-delegate": "#123456", "dates": "1 to 6 May", "wifi_name": "<Forum>",
        "programme": "9:30 | 开幕 | Opening\n10:00", "help": "Desk\nHall 1",
    }  # fmt: skip
    answer = save(admin, **typed, host_logo=file(LOGO, "host.svg"))
    assert answer.status_code == 400
    assert "Programme, line 2: write time" in answer.text
    assert "Choose the files again." in answer.text
    again = fields_of(answer.text)
    for key in ("format", "back", "job_title", "shown", "colour-delegate"):
        assert again[key] == typed[key]
    for text in (
        ">9:30 | 开幕 | Opening\n10:00</textarea>", ">Desk\nHall 1</textarea>",
        'value="1 to 6 May"', 'value="&lt;Forum&gt;"',
    ):  # fmt: skip
        assert text in answer.text
    assert not folder.exists()


def test_what_a_person_wrote_stays(admin: Staff, folder: Path) -> None:
    folder.mkdir()
    hand = '# Agreed with the host.\nformat = "a6"  # for now\nhelp = [\n  "Desk", # in Hall 1\n]\n'
    (folder / "cards.toml").write_text(hand)
    assert preview(admin, help="Desk", back="yes")["dropped"] == []
    assert preview(admin, help="Other")["dropped"] == ["# in Hall 1"]
    assert (folder / "cards.toml").read_text() == hand
    page = save(admin, help="Other", format="62mm").text
    assert "These comments are no longer in cards.toml: # in Hall 1" in page
    text = (folder / "cards.toml").read_text()
    assert text.startswith('# Agreed with the host.\nformat = "62mm"  # for now\n')
    admin.post(f"{PAGE}undo")
    assert (folder / "cards.toml").read_text() == hand


def test_a_file_that_can_t_be_read_is_said(admin: Staff, folder: Path) -> None:
    folder.mkdir()
    (folder / "cards.toml").write_text("format = ")
    page = admin.get(PAGE).text
    assert "cards.toml is not TOML" in page
    assert "cards.toml is not TOML" in admin.post(f"{PAGE}preview", {}).json["problems"][0]
    assert "Nothing was changed" in admin.post(f"{PAGE}save", {}, follow_redirects=True).text
    assert (folder / "cards.toml").read_text() == "format = "


def test_what_somebody_changed_since_is_not_undone(admin: Staff, folder: Path) -> None:
    save(admin, back="yes")
    (folder / "cards.toml").write_text("back = true\n# and by hand\n")
    page = admin.post(f"{PAGE}undo", follow_redirects=True).text
    assert "it has been changed since" in page
    assert "by hand" in (folder / "cards.toml").read_text()


def test_a_full_disk_leaves_all_as_it_was(
    pages: Pages, admin: Staff, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(admin, back="yes")
    before, colour = (folder / "cards.toml").read_bytes(), colour_of(pages, "delegate")
    last = (folder / "last-save.json").read_bytes()
    real = durable_files.prepare

    def full(path: Path, data: bytes) -> Path:
        if path.name == "cards.toml" and b"62mm" in data:
            raise OSError(28, "No space left on device", str(path))
        return real(path, data)

    monkeypatch.setattr(durable_files, "prepare", full)
    answer = save(admin, format="62mm", **{"colour-delegate": "#123456"})
    assert answer.status_code == 507
    assert "Nothing was changed" in answer.text
    assert (folder / "cards.toml").read_bytes() == before
    assert (folder / "last-save.json").read_bytes() == last
    assert colour_of(pages, "delegate") == colour
    assert len(columns(pages)) == 1


@pytest.mark.sqlite_alone
def test_a_commit_that_fails_leaves_all_as_it_was(pages: Pages, admin: Staff, folder: Path) -> None:
    save(admin, back="yes")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with full_at_commit(pages.database):
        changed, undone = save(admin, format="62mm"), admin.post(f"{PAGE}undo")
    for answer in (changed, undone):
        assert answer.status_code in (503, 507)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert len(columns(pages)) == 1


def test_a_layout_of_pretix(pages: Pages, admin: Staff) -> None:
    name = {**TEXT, "content": "attendee_name", "left": 5, "width": 80}
    areas = [name, {**CODE, "left": 45, "bottom": 5}, {**TEXT, "content": "seat"}]

    def sent() -> dict[str, object]:
        return {
            "pretix_layout": file(json.dumps(areas), "badge.json"),
            "pretix_background": file(background("#eef4fb", width=90, height=60), "x.pdf"),
        }

    drawn = preview(admin, **sent())
    (picture,) = map(pixels, drawn["pages"])
    assert tuple(picture[3, 3]) == (0xEE, 0xF4, 0xFB)
    assert picture.shape[1] / picture.shape[0] == pytest.approx(1.5, abs=0.02)
    assert "Area 3: there is nothing for seat here, and it stays empty." in drawn["notes"]
    save(admin, **sent())
    layout = read_design(pages.event).look.layout
    assert layout is not None
    assert [round(side) for side in layout.pages[0]] == [90, 60]
    save(admin, no_pretix_layout="yes")
    assert read_design(pages.event).look.layout is None
    text = (pages.event.path / "cards" / "cards.toml").read_text()
    assert "pretix_background" not in text


def test_a_template_with_a_fault_is_said(admin: Staff, folder: Path) -> None:
    folder.mkdir()
    (folder / "mine.typ").write_text("#set page(width: 50mm)\n#foo")
    assert (
        "the template: unknown variable: foo" in preview(admin, template="mine.typ")["problems"][0]
    )


def test_the_process_is_kept_and_ends(pages: Pages, admin: Staff) -> None:
    draws_with(pages, kept := drawer.Drawer())
    preview(admin)
    first = kept._process
    assert first is not None
    preview(admin)
    assert kept._process is first
    first.kill()
    first.join()
    answer = preview(admin)
    assert "the drawing ended" in answer["problems"][0]
    assert preview(admin)["problems"] == []
    kept._used_at -= drawer.IDLE_S
    kept._end_if_idle()
    assert kept._process is None


def test_nobody_on_the_roster(event: Event, database: Database) -> None:
    with Pages(event, database) as pages:
        admin = pages.staff("admin")
        assert preview(admin)["problems"] == [
            ("The roster has no attendee whose card could be shown.")
        ]


def test_the_page_is_in_chinese_too(admin: Staff) -> None:
    page = admin.get(f"{PAGE}?lang=zh").text
    assert '<div lang="zh-Hans" dir="ltr">' in page
    assert "预览" in page


def test_a_template_that_never_ends_is_given_up(
    admin: Staff, lasting: Lasting, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not delay the server or stay behind, and the next card is drawn.

    The last test that draws, because the lasting process ends here.
    """
    folder.mkdir()
    (folder / "endless.typ").write_text(
        "#let n = 0\n#for i in range(9000) { for j in range(9000) { for k in range(9000) {"
        " n = calc.rem(n * 7 + k, 1009) } } }\n#n\n"
    )
    assert len(preview(admin)["pages"]) == 1, "the process has begun, and nothing is as new to it"
    monkeypatch.setattr(drawer, "DRAW_S", 0.6)
    answer = preview(admin, template="endless.typ")
    assert answer["problems"] == ["The card was not drawn within 1 seconds."]
    assert lasting._process is None
    monkeypatch.setattr(drawer, "DRAW_S", 240.0)
    assert len(preview(admin)["pages"]) == 1
    drawer.Drawer.close(lasting)
