"""The phone's page and its files, as a browser fetches them."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from kiosk.browser import files
from server.features.phone_doors.files import IMMUTABLE
from tests.server.support.pages import Pages

LIBRARY = b"a library" * 1000


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One library, with its brotli form, in place of those of packaging/phone."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "libsodium.mjs").write_bytes(LIBRARY)
    (tmp_path / "files" / "libsodium.mjs.br").write_bytes(b"packed")
    (tmp_path / "libraries.json").write_text("[]")
    monkeypatch.setattr(files, "VENDOR", tmp_path)
    files.read_files.cache_clear()
    yield tmp_path
    files.read_files.cache_clear()


def get(pages: Pages, path: str, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return pages.app.test_client().get(
        path, base_url="https://localhost", headers=named, buffered=True
    )


def index(pages: Pages) -> dict:
    return json.loads(get(pages, "/door/files.json").data)


@pytest.mark.usefixtures("vendor")
def test_every_file_has_the_hash_and_size_of_the_index(shown: Pages) -> None:
    listed = index(shown)
    assert {"kiosk.zip", "vendor/libsodium.mjs", "screen/shared/kiosk.js"} <= listed["files"].keys()
    for path, file in listed["files"].items():
        answer = get(shown, f"/door/files/{listed['version']}/{path}")
        assert (answer.status_code, len(answer.data)) == (200, file["bytes"]), path
        assert hashlib.sha256(answer.data).hexdigest() == file["sha256"]
        assert answer.headers["Cache-Control"] == IMMUTABLE
        assert "'wasm-unsafe-eval'" in answer.headers["Content-Security-Policy"]


@pytest.mark.usefixtures("vendor")
def test_a_browser_gets_the_packed_form(shown: Pages) -> None:
    listed = index(shown)
    path = f"/door/files/{listed['version']}/vendor/libsodium.mjs"
    answer = get(shown, path, Accept_Encoding="gzip, br")
    assert (answer.data, answer.headers["Content-Encoding"]) == (b"packed", "br")
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert listed["files"]["vendor/libsodium.mjs"] == {
        "sha256": hashlib.sha256(LIBRARY).hexdigest(), "bytes": len(LIBRARY), "stored": 6,
    }  # fmt: skip
    again = get(shown, path, Accept_Encoding="br", If_None_Match=answer.headers["ETag"])
    assert again.status_code == 304


@pytest.mark.usefixtures("vendor")
def test_a_download_goes_on_where_it_ended(shown: Pages) -> None:
    path = f"/door/files/{index(shown)['version']}/vendor/libsodium.mjs"
    answer = get(shown, path, Range="bytes=8990-")
    assert (answer.status_code, answer.data) == (206, LIBRARY[8990:])


@pytest.mark.usefixtures("vendor")
@pytest.mark.parametrize("path", ["/door/files.json"])
def test_what_has_no_version_is_asked_for_each_time(shown: Pages, path: str) -> None:
    answer = get(shown, path)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")
    assert b"%FILES%" not in answer.data


@pytest.mark.usefixtures("vendor")
def test_the_service_worker_comes_as_it_is(shown: Pages) -> None:
    """It puts the version's folder into the pages that it keeps, where the server does it for its
    own.
    """
    script = get(shown, "/door/service_worker.mjs")
    assert script.headers["Cache-Control"] == "no-cache"
    assert b'replaceAll("%FILES%"' in script.data
    assert b"%FILES%" not in get(shown, "/door/").data


@pytest.mark.usefixtures("vendor")
@pytest.mark.parametrize(
    "path", ["0/door.html", "{}/none.mjs", "{}/vendor/libraries.json.br", "{}/../files.py"]
)
def test_any_other_address_is_not_found(shown: Pages, path: str) -> None:
    version = index(shown)["version"]
    assert get(shown, f"/door/files/{path.format(version)}").status_code == 404


def test_each_change_of_a_file_is_another_version(vendor: Path) -> None:
    first = files.phone_files().version
    (vendor / "files" / "libsodium.mjs").write_bytes(b"other")
    files.read_files.cache_clear()
    assert files.phone_files().version != first


def test_without_the_libraries_the_page_names_the_command(vendor: Path, shown: Pages) -> None:
    (vendor / "libraries.json").unlink()
    files.read_files.cache_clear()
    answer = get(shown, "/door/")
    assert (answer.status_code, answer.mimetype) == (503, "text/plain")
    assert "make set-up" in answer.text
    chinese = get(shown, "/door/", Accept_Language="zh-CN").text
    assert chinese.startswith("本服务器缺少手机页面")


def test_a_build_of_these_sources_is_taken(vendor: Path) -> None:
    sources = files.phone_files().files["kiosk.zip"]
    compiled = vendor / f"kiosk-{sources.sha256[:16]}.zip"
    compiled.write_bytes(b"compiled")
    files.read_files.cache_clear()
    assert files.phone_files().files["kiosk.zip"].read() == b"compiled"
