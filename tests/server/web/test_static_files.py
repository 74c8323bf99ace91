"""Scripts and styles are in their features' folders, and all are at /static/."""

from pathlib import Path

import pytest
from flask import Flask

from server.app.features import static_folders
from server.web import static_files
from tests.server.support.pages import Pages


def test_each_file_is_served_with_its_type(shown: Pages) -> None:
    client = shown.app.test_client()
    for folder in static_folders():
        for path in folder.iterdir():
            answer = client.get(f"/static/{path.name}", base_url="https://localhost", buffered=True)
            assert (answer.status_code, answer.data) == (200, path.read_bytes())
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            kind = {".js": "text/javascript", ".css": "text/css"}.get(path.suffix, "image/")
            assert answer.mimetype.startswith(kind)


def test_an_unchanged_file_is_not_sent_again(shown: Pages) -> None:
    client = shown.app.test_client()
    first = client.get("/static/desk.js", base_url="https://localhost", buffered=True)
    tag = {"If-None-Match": first.headers["ETag"]}
    assert (
        client.get(
            "/static/desk.js", base_url="https://localhost", buffered=True, headers=tag
        ).status_code
        == 304
    )


@pytest.mark.parametrize("name", ["nothing.js", "desk/desk.js", "..%2fpages.py"])
def test_any_other_name_is_not_found(shown: Pages, name: str) -> None:
    answer = shown.app.test_client().get(
        f"/static/{name}", base_url="https://localhost", buffered=True
    )
    assert answer.status_code == 404


def test_a_name_is_in_one_folder(tmp_path: Path) -> None:
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "desk.js").touch()
    with pytest.raises(ValueError, match="two static files are called desk.js"):
        static_files.register(Flask("x", static_folder=None), sorted(tmp_path.iterdir()))
