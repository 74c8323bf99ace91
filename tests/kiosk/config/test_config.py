"""A kiosk's directory: its content, and errors for invalid content."""

from dataclasses import fields
from pathlib import Path

import pytest

from badges.admission.facts import Direction
from kiosk.config.files import ConfigError, load_direction, locked, save_direction, write_whole
from kiosk.config.identity import NotEnrolledError, load_identity, load_key
from kiosk.config.settings import KioskSettings, load_settings, with_options
from tests.kiosk.support.door_fixture import EVENT_ID, GENERATION, KIOSK, KIOSK_KEY, ROOT, enrolled


def test_it_works(tmp_path: Path) -> None:
    directory = enrolled(tmp_path / "door", port=4433)
    identity = load_identity(directory)
    assert (identity.kiosk, identity.generation) == (KIOSK, GENERATION)
    assert (identity.host, identity.port) == ("127.0.0.1", 4433)
    assert identity.identity.event_id == EVENT_ID
    assert identity.root == ROOT.public
    assert load_key(directory) == KIOSK_KEY
    assert load_settings(directory) == KioskSettings()


def test_no_kiosk_there(tmp_path: Path) -> None:
    with pytest.raises(NotEnrolledError, match="enrol --dir"):
        load_identity(tmp_path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "{}",
        lambda text: "",
        lambda text: text.replace('"root_key": "', '"root_key": "AA'),
        lambda text: text.replace('"port"', '"prot"'),
        lambda text: text.replace("hallkeeper/1", "hallkeeper/2"),
        lambda text: " " * 200_000,
    ],
    ids=["empty object", "empty", "key", "field", "version", "huge"],
)
def test_a_spoilt_identity(tmp_path: Path, spoil) -> None:
    path = enrolled(tmp_path / "door") / "identity.json"
    path.write_text(spoil(path.read_text()))
    with pytest.raises(ConfigError, match="identity.json"):
        load_identity(path.parent)


def test_an_identity_that_another_event_signed(tmp_path: Path) -> None:
    path = enrolled(tmp_path / "door") / "identity.json"
    path.write_text(path.read_text().replace('"identity": "', '"identity": "AAAA'))
    with pytest.raises(ConfigError, match="damaged"):
        load_identity(path.parent)


def test_the_key(tmp_path: Path) -> None:
    path = enrolled(tmp_path / "door") / "kiosk.key"
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_key(path.parent)
    path.chmod(0o600)
    path.write_text("no key")
    with pytest.raises(ConfigError, match="damaged") as caught:
        load_key(path.parent)
    assert "no key" not in str(caught.value)
    path.unlink()
    with pytest.raises(ConfigError, match="missing"):
        load_key(path.parent)


def test_settings(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('camera = "2"\ndirection = "exit"\nport = 0\n')
    settings = load_settings(tmp_path)
    assert settings == KioskSettings(camera="2", direction="exit", port=0)
    assert with_options(settings, camera="none", port=None).camera == "none"
    assert with_options(settings, camera=None, port=9).port == 9


def test_the_pages_settings(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('languages = ["fr", "zh"]\nanswer_s = 2.5\n')
    settings = load_settings(tmp_path)
    assert (settings.languages, settings.answer_s) == (["fr", "zh"], 2.5)
    assert with_options(settings, languages=["en"]).languages == ["en"]


def test_the_cameras_settings(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(
        'camera = "C920"\ncamera_width = 1920\ncamera_height = 1080\ncamera_fps = 30\n'
        'camera_exposure_ms = 5.5\ncamera_gain = 0\ncamera_focus = "auto"\n'
    )
    settings = load_settings(tmp_path)
    assert (settings.camera, settings.camera_exposure_ms) == ("C920", 5.5)
    assert (settings.camera_gain, settings.camera_focus) == (0, "auto")
    assert with_options(settings, camera_exposure_ms="auto").camera_exposure_ms == "auto"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("camra = '0'", "unknown key 'camra'; did you mean 'camera'"),
        ("quite_different = 1", "known are camera, "),
        ("camera = 0", "camera must be a webcam's number.*quotation marks"),
        ("port = '80'", "port must be a port"),
        ("port = true", "port must be a port"),
        ("direction = 'both'", '"entry" or "exit"'),
        ("languages = 'zh'", "languages must be a list such as"),
        ("languages = [1]", "languages must be a list such as"),
        ("answer_s = 0", "1 to 60"),
        ("relay_url = 'ftp://x'", "relay_url must be an address"),
        ("relay_file = 'ttyUSB0'", "full path"),
        ("relay_timeout_ms = 1", "50 to 10000"),
        ("relay_text = 'hex:A0G1'", "bytes such as"),
        ("relay_text = ''", "1 to 100 characters"),
        ("relay_pulse_ms = 0", "20 to 5000"),
        ("relay_baud = 9601", "one of 1200, 2400"),
        ("camera_width = 12", "160 to 7680"),
        ("camera_height = '720'", "120 to 4320"),
        ("camera_fps = 0", "1 to 240"),
        ("camera_exposure_ms = 'brief'", '"auto", "short", or 0.1 to 1000'),
        ("camera_gain = 'auto'", "0 to 10000"),
        ("camera_focus = true", '"auto", or 0 to 10000'),
        ("answer_s = nan", "1 to 60"),
        ("relay_baud = true", "one of 1200, 2400"),
        ("relay_off_text = 'hex:A'", "nothing, or 1 to 100 characters"),
        ("port = ", "not TOML"),
        ("\ufffe", "not TOML"),
    ],
)
def test_settings_that_can_t_be(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "settings.toml").write_text(text)
    with pytest.raises(ConfigError, match=match) as caught:
        load_settings(tmp_path)
    assert "settings.toml" in str(caught.value)


def test_settings_of_other_editors(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes(b"\xef\xbb\xbfport = 9\r\n")
    assert load_settings(tmp_path).port == 9
    file.write_bytes("port = 9".encode("utf-16"))
    with pytest.raises(ConfigError, match=r"settings.toml is not UTF-8 text: save it as UTF-8\."):
        load_settings(tmp_path)


@pytest.mark.parametrize("key", [field.name for field in fields(KioskSettings)])
def test_every_setting_is_checked_and_reports_its_rule(tmp_path: Path, key: str) -> None:
    (tmp_path / "settings.toml").write_text(f"{key} = {{}}")
    with pytest.raises(ConfigError, match=rf"settings.toml: {key} must be \S.+\."):
        load_settings(tmp_path)


def test_a_directory_has_one_kiosk_at_a_time(tmp_path: Path) -> None:
    with locked(tmp_path):
        with pytest.raises(ConfigError, match="running"), locked(tmp_path):
            pass
    with locked(tmp_path):
        pass


def test_files_are_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    (tmp_path / "file.new").write_bytes(b"left by a crash")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_the_chosen_direction_counts_until_the_setting_changes(tmp_path: Path) -> None:
    entry, out = Direction.ENTRY, Direction.EXIT
    assert load_direction(tmp_path, entry) is entry
    save_direction(tmp_path, entry, out)
    assert load_direction(tmp_path, entry) is out
    save_direction(tmp_path, out, entry)
    assert load_direction(tmp_path, out) is entry
    assert load_direction(tmp_path, entry) is entry


@pytest.mark.parametrize("content", [b"", b"entry", b"entry up", b"entry \xff", bytes(200_000)])
def test_a_spoilt_direction_is_ignored(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "direction").write_bytes(content)
    assert load_direction(tmp_path, Direction.ENTRY) is Direction.ENTRY
