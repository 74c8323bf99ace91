"""The phone's Python: what is in it, and that it needs no library that a phone has not."""

import gettext
import io
import sys
from pathlib import Path
from zipfile import ZipFile

from kiosk.browser.archive import PARTS, TOP, archive, imported, modules

# The worker's, Pyodide's own, those of vendor/python.zip, and those that kiosk/browser replaces.
LIBRARIES = {"hallkeeper_js", "pyodide", "msgspec", "tzdata", "sqlite3", "nacl", "argon2"}
# Not in Pyodide, or of no use there.
WITHOUT = {"ssl", "socket", "subprocess", "multiprocessing", "http", "ctypes"}


def test_the_same_sources_give_the_same_bytes() -> None:
    assert archive() == archive()


def test_it_has_the_door_and_not_the_camera() -> None:
    names = {path.relative_to(TOP).as_posix() for path in modules(["kiosk.door.admit"])}
    assert {"kiosk/door/admit.py", "badges/admission/decide.py", "kiosk/__init__.py"} <= names
    assert [name for name in names if name.startswith(("kiosk/camera/", "kiosk/cli/"))] == []


def test_no_module_imports_a_library_that_the_phone_has_not() -> None:
    known = (sys.stdlib_module_names - WITHOUT) | LIBRARIES | set(PARTS)
    wrong = [
        f"{path.relative_to(TOP)} imports {name}"
        for path in sorted(modules())
        for name in sorted(imported(path, inside=False))
        if name.partition(".")[0] not in known
    ]
    assert wrong == []


def test_translations_are_compiled() -> None:
    zipped = ZipFile(io.BytesIO(archive()))
    translations = [name for name in zipped.namelist() if "/translations/" in name]
    assert "badges/translations/zh_Hans/LC_MESSAGES/badges.mo" in translations
    for name in translations:
        words = gettext.GNUTranslations(io.BytesIO(zipped.read(name)))
        assert words.gettext("Admitted") or words.gettext("")


def test_imports_for_types_alone_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import cv2\n"
        "def read():\n    from badges import po\n"
    )
    assert imported(file) == {"typing", "typing.TYPE_CHECKING", "badges", "badges.po"}
    assert imported(file, inside=False) == {"typing", "typing.TYPE_CHECKING"}
