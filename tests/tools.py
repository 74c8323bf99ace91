"""Programs that some tests need, the Debian packages that have them, and skips where they are
missing.
"""

import re
import shutil
from collections import Counter
from collections.abc import Iterable

import pytest

PACKAGES = {
    "cc": "gcc",
    "certutil": "libnss3-tools",
    "chromedriver": "chromium-driver",
    "chromium": "chromium",
    "dbus-daemon": "dbus-daemon",
    "dh": "debhelper",
    "docker-compose": "docker-compose",
    "git": "git",
    "ip": "iproute2",
    "ippeveprinter": "cups-ipp-utils",
    "mmdebstrap": "mmdebstrap",
    "mount": "mount",
    "node": "nodejs",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "pgbouncer": "pgbouncer",
    "promtool": "prometheus",
    "restic": "restic",
    "spin": "spin",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "systemd-analyze": "systemd",
}
# Some packages have them where only root looks.
MORE_PLACES = "/usr/sbin:/sbin"


def reason_to_skip(*tools: str) -> str:
    """Return "" if all of these programs are here."""
    missing = [tool for tool in tools if not find(tool)]
    if not missing:
        return ""
    packages = sorted({PACKAGES[tool] for tool in missing})
    return f"needs {' and '.join(missing)}: apt-get install {' '.join(packages)}"


def find(tool: str) -> str | None:
    return shutil.which(tool) or shutil.which(tool, path=MORE_PLACES)


def need(*tools: str) -> None:
    """Skip the test, or the tests of a fixture, if one of these programs is missing."""
    if reason := reason_to_skip(*tools):
        pytest.skip(reason)


def needs(*tools: str) -> pytest.MarkDecorator:
    reason = reason_to_skip(*tools)
    return pytest.mark.skipif(bool(reason), reason=reason)


def what_is_missing(reasons: Iterable[str]) -> str:
    """Return one line: how many tests were skipped, and what to install for them."""
    counts = Counter(reason.removeprefix("Skipped: ") for reason in reasons)
    if not counts:
        return ""
    packages: set[str] = set()
    helped = 0
    for reason, count in counts.items():
        if found := re.search(r"apt-get install ([a-z0-9 .+-]+)", reason):
            packages.update(found[1].split())
            helped += count
    line = f"{counts.total():,} skipped, for the reasons above"
    if packages:
        line += f"; for {helped:,} of them: apt-get install {' '.join(sorted(packages))}"
    return line
