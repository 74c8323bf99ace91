"""The Debian packages: units and maintainer scripts by Debian's tools, and the packages in bare
systems, from installation to purge.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools import needs

ROOT = Path(__file__).parents[2]
DEBIAN = ROOT / "packaging/debian"
UNITS = {
    "hallkeeper.service": ROOT / "server/app/systemd/hallkeeper.service",
    "hallkeeper-kiosk.service": DEBIAN / "hallkeeper-kiosk.hallkeeper-kiosk.service",
    "hallkeeper-kiosk-screen.service": DEBIAN / "hallkeeper-kiosk.hallkeeper-kiosk-screen.service",
}
SCRIPTS = sorted(
    path
    for path in DEBIAN.parent.rglob("*")
    if path.is_file() and path.read_bytes().startswith((b"#!/usr/bin/env bash", b"#!/bin/sh"))
)
EXPOSURE_MAX = 20  # tenths of systemd's points

needs_systemd = needs("systemd-analyze")


@pytest.fixture(params=UNITS)
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A unit under its installed name, with programs and users of this computer."""
    text = UNITS[request.param].read_text("utf-8")
    text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/sh", text, flags=re.M)
    text = re.sub(r"^(User|Group)=.*", r"\1=root", text, flags=re.M)
    path = tmp_path / request.param
    path.write_text(text)
    return path


def checked(*command: object) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@needs_systemd
def test_systemd_takes_the_units(unit: Path) -> None:
    assert unit.name not in checked("systemd-analyze", "verify", "--man=no", unit)


@needs_systemd
@pytest.mark.parametrize("name", UNITS)
def test_the_units_are_hardened(name: str) -> None:
    options = ("--offline=true", "--no-pager", f"--threshold={EXPOSURE_MAX}")
    checked("systemd-analyze", "security", *options, UNITS[name])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_scripts_are_correct(script: Path) -> None:
    checked("sh" if script.read_text().startswith("#!/bin/sh") else "bash", "-n", script)
    if shutil.which("shellcheck"):
        checked("shellcheck", script)


def test_the_copyright_file_names_the_phones_libraries() -> None:
    phone = DEBIAN.parent / "phone"
    names = {*json.loads((phone / "package.json").read_text())["dependencies"]}
    names |= set(re.findall(r"^(\w+)==", (phone / "wheels.txt").read_text(), re.M))
    assert "msgspec" in names
    copyright_file = (DEBIAN / "copyright").read_text("utf-8")
    assert [name for name in sorted(names) if name not in copyright_file] == []


def test_each_package_keeps_its_data_and_says_where() -> None:
    for name, directory in (("server", "hallkeeper"), ("kiosk", "hallkeeper-kiosk")):
        purge = (DEBIAN / f"hallkeeper-{name}.postrm").read_text()
        assert f"kept in /var/lib/{directory}." in purge
        assert "rm -" not in purge
        assert not list(DEBIAN.glob("*.tmpfiles"))


# In a system of essential packages and apt alone. /srv/debs has two versions of both packages.
LIFE = """
set -eux
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
event=/var/lib/hallkeeper/event
digest() { (cd $event && find . -type f -exec sha256sum {} + | sort | sha256sum); }
cd /srv/debs
# mmdebstrap turns recommended packages off.
echo 'APT::Install-Recommends "true";' >/etc/apt/apt.conf.d/zz-recommended
apt-get install -y ./hallkeeper-server_1.0.0-*.deb 2>&1 | tee install.log
rm /etc/apt/apt.conf.d/zz-recommended
grep -q "there is no event yet" install.log
restic version
# Each library has its libraries, from its wheel or from Debian.
apt-get install -y binutils
libraries=$(find /usr/lib/hallkeeper-server -name "*.so*" -type f)
objdump -p $libraries 2>&1 | sed -n "s/^ *NEEDED *//p" | sort -u >needed
(basename -a $libraries; ldconfig -p | sed -n "s/^\\t\\([^ ]*\\) .*/\\1/p") | sort -u >present
[ -z "$(comm -23 needed present)" ]
[ -e /etc/systemd/system/multi-user.target.wants/hallkeeper.service ]
! command -v cc || false
! command -v git || false
hallkeeper --version | grep -q "version 1.0.0"
hallkeeper-badges --help
(cd / && hallkeeper demo --once)
runuser -u hallkeeper -- hallkeeper init $event --name Forum --public-host localhost | tee init.log
grep -q "sudo systemctl start hallkeeper" init.log
before=$(digest)
apt-get install -y ./hallkeeper-server_1.0.1-*.deb 2>&1 | tee upgrade.log
! grep "there is no event yet" upgrade.log || false
hallkeeper --version | grep -q "version 1.0.1"
[ "$before" = "$(digest)" ]
runuser -u hallkeeper -- hallkeeper upgrade | grep -q "1.0.1"
apt-get install -y --allow-downgrades ./hallkeeper-server_1.0.0-*.deb
runuser -u hallkeeper -- hallkeeper upgrade | grep -q "1.0.0"
before=$(digest)
apt-get remove -y hallkeeper-server
[ "$before" = "$(digest)" ]
[ ! -e /usr/lib/hallkeeper-server ]
apt-get purge -y hallkeeper-server 2>&1 | tee purge.log
grep -q "kept in /var/lib/hallkeeper" purge.log
[ "$before" = "$(digest)" ]
apt-get install -y ./hallkeeper-kiosk_1.0.1-*.deb
hallkeeper-kiosk --version | grep -q "version 1.0.1"
id -nG hallkeeper-kiosk | grep -qw video
for unit in hallkeeper-kiosk hallkeeper-kiosk-screen; do
    [ -e /etc/systemd/system/multi-user.target.wants/$unit.service ]
done
runuser -u hallkeeper-kiosk -- hallkeeper-kiosk cameras
/usr/lib/hallkeeper-kiosk/bin/python3 -c "import cv2, pyzbar.pyzbar, zxingcpp"
runuser -u hallkeeper-kiosk -- cage -v
# The server alone serves the libraries of the phone's page.
[ ! -e /usr/lib/hallkeeper-kiosk/lib/python3.*/site-packages/kiosk/browser/vendor ]
apt-get purge -y hallkeeper-kiosk
[ ! -e /usr/lib/hallkeeper-kiosk ]
"""
SUITES = {"deb12": "bookworm", "deb13": "trixie"}


def built(wheel: Path, out: Path, release: str) -> None:
    environment = {
        "SOURCE_DATE_EPOCH": "1800000000", "RELEASES": release, "COMPRESSION": "none",
        "ARCHITECTURES": checked("dpkg", "--print-architecture").strip(), "PYTHON": sys.executable,
    }  # fmt: skip
    command = [DEBIAN / "build", wheel, ROOT / "packaging/locks", out]
    subprocess.run(command, check=True, env=os.environ | environment)


def wheel_of(version: str, folder: Path) -> Path:
    """Build this source as if it were that version."""
    source = folder / "source"
    ignored = shutil.ignore_patterns(".git", ".venv", "build", ".*_cache", "__pycache__")
    shutil.copytree(ROOT, source, ignore=ignored)
    settings = source / "pyproject.toml"
    text = re.sub(r'^version = ".*"', f'version = "{version}"', settings.read_text(), flags=re.M)
    settings.write_text(text)
    command = [sys.executable, "-m", "hatchling", "build", "-d", folder, "-t", "wheel"]
    subprocess.run(command, check=True, cwd=source, env=os.environ)
    return next(folder.glob("*.whl"))


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@needs("mmdebstrap", "dh")
@pytest.mark.parametrize("release", SUITES)
def test_install_upgrade_remove_and_purge_in_a_bare_system(release: str, tmp_path: Path) -> None:
    debs = tmp_path / "debs"
    for version in ("1.0.0", "1.0.1"):
        (tmp_path / version).mkdir()
        built(wheel_of(version, tmp_path / version), debs, release)
    life = tmp_path / "life"
    life.write_text(LIFE)
    subprocess.run(
        ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=null",
         f"--customize-hook=copy-in {debs} {life} /srv",
         '--customize-hook=chroot "$1" bash /srv/life', SUITES[release], "-"],
        check=True,
    )  # fmt: skip


@pytest.mark.soak
@pytest.mark.timeout(7200)
@needs("dh")
def test_the_same_wheel_gives_the_same_packages(tmp_path: Path) -> None:
    wheel = wheel_of("1.0.0", tmp_path)
    for out in ("first", "second"):
        built(wheel, tmp_path / out, "deb13")
    names = [path.name for path in (tmp_path / "first").iterdir()]
    assert len(names) == 2
    for name in names:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
