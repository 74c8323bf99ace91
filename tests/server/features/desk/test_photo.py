"""Photos are kept among those of the cards, small and without the cameras' metadata."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from server.core.event.directory import Event
from server.core.people import attendees, card_design
from server.core.people.attendees import Attendee
from server.features.desk import photo
from server.features.desk.submissions import Why
from server.storage.database import Database
from server.storage.disk import DiskError
from tests.badges.printing.photos import with_odd_metadata, with_scans
from tests.server.conftest import NOW, serial_of
from tests.server.features.desk.support import refused
from tests.server.support.disks.full_commit import full_at_commit


def picture(form: str = "JPEG", size: tuple[int, int] = (1600, 900), **more: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "#446688").save(buffer, form, **more)
    return buffer.getvalue()


@pytest.fixture
def wanted(event: Event) -> Event:
    folder = event.path / "cards" / "photos"
    folder.mkdir(parents=True)
    (event.path / "cards/cards.toml").write_text('photos = "photos"\n')
    return replace(event, settings=replace(event.settings, desk_photo=True))


@pytest.fixture
def anna(site: Database) -> Attendee:
    return attendees.attendee(site.reader, serial_of(site, "A1"))


def keep(database: Database, event: Event, holder: Attendee, data: bytes) -> None:
    prepared = photo.prepared(data)
    database.write(lambda db: photo.keep(db, event, holder, prepared, by="user:1", now=NOW))


def names(event: Event) -> list[str]:
    return sorted(path.name for path in (event.path / "cards/photos").iterdir())


def test_it_works(wanted: Event, site: Database, anna: Attendee) -> None:
    keep(site, wanted, anna, picture())
    assert names(wanted) == [f"{anna.number}.jpg"]
    read = card_design.read_design(wanted).photo_of()
    assert read is not None
    assert "image/jpeg" in read(anna)
    site.write(lambda db: photo.remove(db, wanted, anna, by="user:1", now=NOW))
    assert names(wanted) == []


@pytest.mark.sqlite_alone
def test_a_commit_that_fails_leaves_the_photo(
    wanted: Event, site: Database, anna: Attendee
) -> None:
    keep(site, wanted, anna, picture())
    path = wanted.path / "cards/photos" / f"{anna.number}.jpg"
    before = path.read_bytes()
    with full_at_commit(site):
        with pytest.raises(DiskError):
            keep(site, wanted, anna, picture(size=(300, 300)))
        with pytest.raises(DiskError):
            site.write(lambda db: photo.remove(db, wanted, anna, by="user:1", now=NOW))
    assert names(wanted) == [path.name]
    assert path.read_bytes() == before


def test_nothing_of_the_camera_is_kept(wanted: Event) -> None:
    exif = Image.Exif()
    exif[0x0110] = "Harbour Camera"
    exif[0x0112] = 6  # rotated by 90°
    prepared = photo.prepared(picture(exif=exif.tobytes()))
    with Image.open(io.BytesIO(prepared)) as image:
        assert not image.getexif()
        assert (image.format, max(image.size)) == ("JPEG", 1200)
        assert image.height > image.width
    assert b"Harbour Camera" not in prepared


def test_damaged_metadata_is_no_reason_to_refuse_a_photo() -> None:
    prepared = photo.prepared(with_odd_metadata(picture()))
    with Image.open(io.BytesIO(prepared)) as image:
        assert image.height > image.width


def test_a_photo_by_registration_is_replaced(wanted: Event, site: Database, anna: Attendee) -> None:
    (wanted.path / "cards/photos/A1.png").write_bytes(picture("PNG"))
    keep(site, wanted, anna, picture())
    assert names(wanted) == ["A1.jpg"]


@pytest.mark.parametrize(
    "data",
    [b"", b"<svg/>", b"\xff\xd8\xff\xe0 nonsense", picture()[:-400], picture("GIF"),
     with_scans(picture(progressive=True), 60), b"x" * (photo.PHOTO_BYTES_MAX + 1)],
    ids=["empty", "svg", "nonsense", "cut short", "gif", "many scans", "large"],
)  # fmt: skip
def test_what_is_no_photo_is_refused(data: bytes) -> None:
    with refused(Why.PHOTO_UNREADABLE):
        photo.prepared(data)


def test_by_default_none_are_taken(event: Event, site: Database, anna: Attendee) -> None:
    assert photo.folder(event) is None
    with refused(Why.PHOTO_OFF):
        keep(site, event, anna, picture())
    assert not Path(event.path / "cards").exists()


def test_the_cards_have_to_name_a_folder(wanted: Event) -> None:
    (wanted.path / "cards/cards.toml").write_text("")
    assert photo.folder(wanted) is None
