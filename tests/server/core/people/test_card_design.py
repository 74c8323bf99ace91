"""An event's folder `cards`: the permitted files, and the message for each error."""

import io
from pathlib import Path

import pytest
from PIL import Image

from badges.printing.look import FORMATS
from server.core.event.directory import Event
from server.core.people.attendees import attendee
from server.core.people.card_design import DesignError, find_template, read_design, read_template
from server.storage.database import Database
from tests.badges.printing.forum import LOGO
from tests.server.conftest import serial_of


@pytest.fixture
def folder(event: Event) -> Path:
    path = event.path / "cards"
    path.mkdir()
    return path


def test_without_a_folder(event: Event) -> None:
    design = read_design(event)
    assert (design.look.event_name, design.look.event_second_name) == ("海港论坛", "Harbour Forum")
    assert design.look.dates == "2026年5月4–6日 · 4–6 May 2026"
    assert design.look.format == FORMATS["a6"]
    assert (design.look.back, design.lines.latin, design.photo_of()) == (None, True, None)


def test_all_of_it(event: Event, folder: Path) -> None:
    (folder / "logo.svg").write_text(LOGO)
    (folder / "mine.typ").write_text("#set page(width: 50mm)")
    (folder / "faces").mkdir()
    (folder / "cards.toml").write_text(
        'format = "4x6in"\ntemplate = "mine.typ"\nlogo = "logo.svg"\nphotos = "faces"\n'
        'latin = false\ndates = "in May"\nwifi_name = "Harbour"\nwifi_password = "x"\n'
        'help = ["Desk"]\nprogramme = [{at = "9:30", zh = "开幕式", en = "Opening"}]\n'
    )
    design = read_design(event, back=True)
    assert design.look.template == "#set page(width: 50mm)"
    assert (design.look.logo, design.look.dates, design.lines.latin) == (LOGO, "in May", False)
    assert design.look.back is not None
    assert design.look.back.programme[0].titles == ("开幕式", "Opening")
    assert design.look.format == FORMATS["4x6in"]
    assert read_design(event, format_name="62mm").look.format == FORMATS["62mm"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('format = "a5"', r"cards.toml: format must be one of a6, 4x6in"),
        ('lgo = "x"', "unknown key 'lgo'; did you mean 'logo'"),
        ('logo = "../key.pem"', "logo must be the name of a file in the folder cards"),
        ('logo = "none.svg"', "none.svg can't be read: No such file"),
        ('photos = "none"', "There is no folder .*none"),
        ('template = "none.typ"', "none.typ can't be read"),
        ('programme = [{at = "9"}]', "programme must be a list of up to 20 tables"),
        ('help = ["1","2","3","4","5","6","7"]', "help must be a list of up to 6 texts"),
        ("format = ", "cards.toml is not TOML"),
        (f'wifi_name = "{"x" * 201}"', "wifi_name must be a text of up to 200 characters"),
    ],
)
def test_what_is_wrong_is_said(event: Event, folder: Path, text: str, message: str) -> None:
    (folder / "cards.toml").write_text(text)
    with pytest.raises(DesignError, match=message):
        read_design(event)


def test_a_logo_that_is_none(event: Event, folder: Path) -> None:
    (folder / "cards.toml").write_text('logo = "logo.png"')
    (folder / "logo.png").write_bytes(b"MZ")
    with pytest.raises(DesignError, match=r"logo.png is no picture that can be read"):
        read_design(event)


def test_templates_by_name_or_path(event: Event, folder: Path, tmp_path: Path) -> None:
    (folder / "mine.typ").write_text("#1")
    (tmp_path / "x.typ").write_bytes(b"\xff")
    assert find_template(event, "mine") == find_template(event, "mine.typ")
    assert find_template(event, str(tmp_path / "x.typ")) == tmp_path / "x.typ"
    with pytest.raises(DesignError, match="There is no template 'yours', neither here nor in"):
        find_template(event, "yours")
    with pytest.raises(DesignError, match="is not text in UTF-8"):
        read_template(tmp_path / "x.typ")


def test_photos_by_external_id_or_number(event: Event, site: Database, folder: Path) -> None:
    (folder / "faces").mkdir()
    out = io.BytesIO()
    Image.new("RGB", (30, 40), "#0a0").save(out, "JPEG")
    holders = [attendee(site.reader, serial_of(site, f"A{n}")) for n in (1, 2, 3, 4)]
    (folder / "faces" / "A1.jpg").write_bytes(out.getvalue())
    (folder / "faces" / f"{holders[1].number}.jpeg").write_bytes(out.getvalue())
    (folder / "faces" / "A3.png").write_bytes(b"MZ")
    (folder / "cards.toml").write_text('photos = "faces"')
    photo_of = read_design(event).photo_of()
    assert photo_of is not None
    assert photo_of(holders[0]) == photo_of(holders[1]) != ""
    assert photo_of(holders[3]) == ""
    with pytest.raises(DesignError, match=r"A3.png is no picture"):
        photo_of(holders[2])
