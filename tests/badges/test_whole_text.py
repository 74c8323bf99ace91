import pytest

from badges.whole_text import encodable, whole_json, whole_text


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        ("plain", "plain"),
        ("a\0b", "ab"),
        ("Jose\u0301\0", "José"),
        ("a\ud800b", "a\ufffdb"),
        ("\ud83d\ude00", "\ufffd\ufffd"),
        ("王小明", "王小明"),
    ],
)
def test_text(given: str, whole: str) -> None:
    assert whole_text(given) == whole


def test_what_is_shown_stays_as_it_is_except_what_utf_8_lacks() -> None:
    assert encodable("Jose\u0301\udce9") == "Jose\u0301\ufffd"


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        (
            b'{"note":"a\\u0000b","n":[1,"Jose\\u0301"]}',
            '{"note": "ab", "n": [1, "José"]}'.encode(),
        ),
        (b'{"note":"a"}', b'{"note":"a"}'),
        # The decoder refuses these.
        (b'"\\ud800"', b'"\\ud800"'),
        (b'{"\\u0000', b'{"\\u0000'),
        (b"\xff", b"\xff"),
        (b"[" * 100_000 + b'"\\u0000"', b"[" * 100_000 + b'"\\u0000"'),
    ],
)
def test_json(given: bytes, whole: bytes) -> None:
    assert whole_json(given) == whole
