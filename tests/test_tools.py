"""What tests say when a program is missing, and the line at the end of `make test`."""

import pytest

from tests import tools
from tests.tools import reason_to_skip, what_is_missing


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "find", {"openssl": "/usr/bin/openssl"}.get)
    assert reason_to_skip("openssl") == ""
    assert reason_to_skip("openssl", "certutil", "chromium") == (
        "needs certutil and chromium: apt-get install chromium libnss3-tools"
    )


def test_one_line_has_the_number_and_the_packages() -> None:
    reasons = [
        "Skipped: needs chromium and chromedriver: apt-get install chromium chromium-driver",
        "Skipped: needs chromium: apt-get install chromium",
        "Skipped: needs restic: apt-get install restic",
        "Skipped: needs root",
    ]
    assert what_is_missing(reasons) == (
        "4 skipped, for the reasons above; for 3 of them: "
        "apt-get install chromium chromium-driver restic"
    )


def test_without_a_package_that_helps_the_line_has_the_number_alone() -> None:
    reasons = ["Skipped: needs root"] * 1200
    assert what_is_missing(reasons) == "1,200 skipped, for the reasons above"
    assert what_is_missing([]) == ""
