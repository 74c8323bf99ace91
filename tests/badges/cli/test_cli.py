"""`hallkeeper-badges` as on the command line: its output, and its errors."""

import io
import json
import stat
from pathlib import Path
from uuid import UUID

import pytest
import qrcode
from click.testing import CliRunner
from PIL import Image

from badges.cli.main import main
from badges.credential.keyfile import decode_keys, decode_ring

EVENT = "4f6d1c9a-b2e8-4d53-a7f0-315e8c2b9d64"
ISSUE = ["--serial", "1234", "--category", "3", "--days", "1-3", "--zones", "0,31"]


def run(*arguments, status=0):
    result = CliRunner().invoke(main, [str(each) for each in arguments])
    assert result.exit_code == status, result.output
    return result


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "event.json"
    run("keygen", "--out", path, "--event", EVENT, "--badge-keys", "2")
    return path


@pytest.fixture
def ring(keys) -> Path:
    return keys.with_name("event.ring.json")


def issued(keys, *more) -> str:
    return run("issue", "--keys", keys, *ISSUE, *more).stdout.removesuffix("\n")


def picture(path: Path, *texts: str, **options) -> Path:
    """The texts as QR codes in one picture, side by side."""
    codes = []
    for text in texts:
        with io.BytesIO() as file:
            qrcode.make(text, box_size=6).save(file)
            codes.append(Image.open(file).convert("L"))
    page = Image.new("L", (sum(code.width for code in codes), codes[0].height), 255)
    for at, code in enumerate(codes):
        page.paste(code, (sum(other.width for other in codes[:at]), 0))
    page.save(path, **options)
    return path


def test_it_works(keys, ring):
    text = issued(keys)
    answer = json.loads(run("inspect", text, "--keys", ring).stdout)
    assert answer == {
        "event": EVENT,
        "kind": "printed",
        "key_id": 2,
        "serial": 1234,
        "issue": 1,
        "category": 3,
        "flags": [],
        "days": [1, 2, 3],
        "zones": [0, 31],
    }


def test_everything_that_can_be_set(keys):
    text = issued(
        *[keys, "--issue", "9", "--kind", "phone", "--key-id", "1"],
        *["--flag", "escort", "--flag", "attention", "--days", "all", "--zones", "none"],
    )
    answer = json.loads(run("inspect", text, "--keys", keys).stdout)
    assert (answer["issue"], answer["kind"], answer["key_id"]) == (9, "phone", 1)
    assert answer["flags"] == ["attention", "escort"]
    assert (answer["days"], answer["zones"]) == (list(range(1, 17)), [])


def test_keygen_makes_a_secret_and_a_public_file(keys, ring):
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    secret = decode_keys(keys.read_bytes())
    assert secret.event_id == UUID(EVENT).bytes
    assert list(secret.badge_keys) == [1, 2]
    assert decode_ring(ring.read_bytes()) == decode_ring(keys.read_bytes()) == secret.ring
    fields = json.loads(keys.read_text())
    seeds = [fields["root_seed"], *(key["seed"] for key in fields["badge_keys"])]
    assert len(set(seeds)) == 3
    assert not any(seed in ring.read_text() for seed in seeds)


def test_keygen_makes_up_an_event(tmp_path):
    commands = [
        run("keygen", "--out", tmp_path / name).stdout.split()[1] for name in ("a.json", "b.json")
    ]
    assert UUID(commands[0]).version == UUID(commands[1]).version == 4
    assert commands[0] != commands[1]
    assert str(UUID(bytes=decode_keys((tmp_path / "a.json").read_bytes()).event_id)) == commands[0]


@pytest.mark.parametrize(("level", "side_px"), [("M", 37 + 8), ("Q", 45 + 8)])
def test_issue_draws_the_code(keys, tmp_path, level, side_px):
    png = tmp_path / "badge.png"
    text = issued(keys, "--png", png, "--module-px", "4", "--level", level)
    assert json.loads(run("inspect", png, "--keys", keys).stdout)["serial"] == 1234
    assert text == issued(keys)
    with Image.open(png) as picture:
        assert picture.size == (4 * side_px, 4 * side_px)


def test_issue_draws_to_no_directory(keys, tmp_path):
    result = run("issue", "--keys", keys, *ISSUE, "--png", tmp_path / "no" / "a.png", status=2)
    assert "a.png can't be written: No such file" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("exists", ["event.json", "event.ring.json"])
def test_keygen_never_writes_over_keys(tmp_path, exists):
    (tmp_path / exists).write_text("precious")
    result = run("keygen", "--out", tmp_path / "event.json", status=2)
    assert f"{exists} exists" in result.stderr
    assert (tmp_path / exists).read_text() == "precious"
    assert len(list(tmp_path.iterdir())) == 1


def test_keygen_in_no_directory(tmp_path):
    result = run("keygen", "--out", tmp_path / "none" / "event.json", status=2)
    assert "No such file or directory" in result.stderr


@pytest.mark.parametrize("event", ["", "forum", EVENT[:-1], EVENT + "0"])
def test_keygen_with_a_bad_uuid(tmp_path, event):
    result = run("keygen", "--out", tmp_path / "event.json", "--event", event, status=2)
    assert "is not a valid UUID" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: "https://example.org/", "not_a_badge"),
        (lambda text: "", "not_a_badge"),
        (str.lower, "not_a_badge"),
        (lambda text: text[:-1], "not_a_badge"),
        (lambda text: text[:40] + ("1" if text[40] == "0" else "0") + text[41:], "forged"),
    ],
)
def test_inspect_refuses(keys, ring, change, reason):
    answer = json.loads(run("inspect", change(issued(keys)), "--keys", ring, status=1).stdout)
    assert answer["refused"] == reason
    assert answer["why"].endswith(")")


@pytest.mark.parametrize(("event", "reason"), [((), "other_event"), (("--event", EVENT), "forged")])
def test_inspect_refuses_a_badge_by_other_keys(ring, tmp_path, event, reason):
    run("keygen", "--out", tmp_path / "other.json", *event)
    text = issued(tmp_path / "other.json")
    answer = json.loads(run("inspect", text, "--keys", ring, status=1).stdout)
    assert answer["refused"] == reason


def test_inspect_reads_a_picture(keys, ring, tmp_path):
    image = picture(tmp_path / "badge.png", issued(keys))
    assert json.loads(run("inspect", image, "--keys", ring).stdout)["serial"] == 1234


def test_inspect_reads_a_photograph_of_several(keys, ring, tmp_path):
    texts = [issued(keys), "https://example.org/sponsor"]
    image = picture(tmp_path / "badges.jpg", *texts, quality=70)
    lines = run("inspect", image, "--keys", ring, status=1).stdout.splitlines()
    answers = [json.loads(line) for line in lines]
    assert sorted(answer.get("serial", 0) for answer in answers) == [0, 1234]
    assert [answer["refused"] for answer in answers if "refused" in answer] == ["not_a_badge"]


def test_inspect_reads_a_code_on_a_transparent_ground(keys, ring, tmp_path):
    code = Image.open(picture(tmp_path / "opaque.png", issued(keys))).convert("L")
    clear = Image.new("RGBA", code.size, (0, 0, 0, 0))
    clear.putalpha(code.point(lambda level: 255 - level))
    clear.save(tmp_path / "clear.png")
    assert (
        json.loads(run("inspect", tmp_path / "clear.png", "--keys", ring).stdout)["serial"] == 1234
    )


def test_inspect_finds_no_code(ring, tmp_path):
    Image.new("RGB", (200, 200), "white").save(tmp_path / "blank.png")
    answer = json.loads(run("inspect", tmp_path / "blank.png", "--keys", ring, status=1).stdout)
    assert answer == {"refused": "not_a_badge", "why": "There is no QR code in the picture."}


def test_inspect_refuses_a_file_that_is_no_picture(keys, ring, tmp_path):
    for name, data in (("a.png", b""), ("b.png", b"\x89PNG\r\n\x1a\n"), ("c.txt", b"text")):
        (tmp_path / name).write_bytes(data)
        result = run("inspect", tmp_path / name, "--keys", ring, status=2)
        assert f"{name}: the file is not a picture" in result.stderr
    result = run("inspect", keys, "--keys", ring, status=2)
    assert "not a picture" in result.stderr


def test_inspect_of_half_a_picture(keys, ring, tmp_path):
    image = picture(tmp_path / "badge.png", issued(keys))
    image.write_bytes(image.read_bytes()[:400])
    result = run("inspect", image, "--keys", ring, status=2)
    assert "badge.png: the picture can't be read" in result.stderr


def test_inspect_of_a_missing_picture(ring):
    result = run("inspect", "nowhere/badge.JPG", "--keys", ring, status=2)
    assert "There is no picture nowhere/badge.JPG" in result.stderr


def test_inspect_of_an_endless_text(ring):
    answer = json.loads(run("inspect", "HK" + "0" * 9000, "--keys", ring, status=1).stdout)
    assert answer["refused"] == "not_a_badge"


def test_a_missing_key_file(tmp_path):
    for command in (["inspect", "HK"], ["issue", *ISSUE]):
        result = run(*command, "--keys", tmp_path / "none.json", status=2)
        assert "does not exist" in result.stderr


def test_a_malformed_key_file(tmp_path):
    path = tmp_path / "bad.json"
    path.write_text("{}")
    for command in (["inspect", "HK"], ["issue", *ISSUE]):
        result = run(*command, "--keys", path, status=2)
        assert "bad.json is no key file: " in result.stderr


def test_a_public_ring_can_not_issue(ring):
    result = run("issue", *ISSUE, "--keys", ring, status=2)
    assert "public ring, which can't sign" in result.stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--serial", "-1"),
        ("--serial", "16777216"),
        ("--serial", "x"),
        ("--issue", "0"),
        ("--issue", "256"),
        ("--category", "256"),
        ("--days", "0"),
        ("--days", "17"),
        ("--days", "1-17"),
        ("--days", "2-1"),
        ("--days", "1,,2"),
        ("--days", ""),
        ("--days", "1-"),
        ("--days", "-1"),
        ("--days", "\u0661"),
        ("--days", "0-0-1"),
        ("--zones", "32"),
        ("--zones", "some"),
        ("--kind", "paper"),
        ("--flag", "vip"),
        ("--key-id", "3"),
        ("--module-px", "0"),
    ],
)
def test_issue_with_a_wrong_value(keys, option, value):
    result = run("issue", "--keys", keys, *ISSUE, option, value, status=2)
    assert result.stdout == ""
    assert option in result.stderr or f"no key {value}; it has 1, 2" in result.stderr


@pytest.mark.parametrize(
    ("text", "bits"), [("3", [3]), ("1,1,16", [1, 16]), ("1-3,2-4", [1, 2, 3, 4])]
)
def test_lists_of_days(keys, text, bits):
    badge = json.loads(run("inspect", issued(keys, "--days", text), "--keys", keys).stdout)
    assert badge["days"] == bits
