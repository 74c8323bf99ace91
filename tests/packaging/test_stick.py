"""The stick's image in an emulated PC: it is enrolled at its screen, loses its power, and starts
again.

HALLKEEPER_STICK names an image to test instead of building one. HALLKEEPER_SHOTS names a folder for
pictures of the screen.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from server.core.kiosks import registry
from tests.packaging.test_debian import wheel_of
from tests.system.support.site import LiveSite, now_ms, site
from tests.system.support.venue import door_toml, hall_toml

ROOT = Path(__file__).parents[2]
STICK = ROOT / "packaging/stick"
TOOLS = ("mmdebstrap", "tar2sqfs", "mcopy", "mkfs.vfat", "syslinux", "qemu-system-x86_64", "dh")
OVMF = Path("/usr/share/OVMF")
WAIT_S = 3600.0  # without KVM a start takes minutes
LOOK_S = 0.5
AGAIN_S = 120.0  # until keys that a page was not ready for are typed again
KEY_S = 0.05  # between two keys, as a hand scanner
HOST = "10.0.2.2"  # of this computer, in the emulated one
KIOSK = "runuser -u hallkeeper-kiosk -- hallkeeper-kiosk"
DOOR = "/var/lib/hallkeeper-kiosk/door"
# A root shell on the serial line, the kernel's messages, and patience with a slow computer.
SERIAL = (
    " console=ttyS0 systemd.debug_shell=ttyS0 systemd.mask=serial-getty@ttyS0.service"
    " systemd.default_timeout_start_sec=3600 mitigations=off"
)
END = re.compile(rb"END-(\d+)-")
PLAIN = {".": "dot", "-": "minus", "/": "slash", " ": "spc", "\n": "ret"}
SHIFTED = {"_": "minus", ":": "semicolon", "+": "equal", "*": "8", "$": "4", "%": "5"}

Firmware = Literal["uefi", "secure", "bios"]


def soaking(test: Callable) -> Callable:
    """Mark a test that builds and starts the image."""
    for tool in TOOLS:
        test = pytest.mark.skipif(not shutil.which(tool), reason=f"needs {tool}")(test)
    test = pytest.mark.skipif(not OVMF.is_dir(), reason="needs ovmf")(test)
    return pytest.mark.soak(pytest.mark.timeout(4 * 3600)(test))


@pytest.mark.parametrize(
    "script",
    [STICK / "image", STICK / "fill", STICK / "root/usr/lib/hallkeeper-stick/take-settings"],
)
def test_the_scripts_are_correct(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", script], check=True)


def run(*words: object, **more: Any) -> str:
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, **more)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    given = os.environ.get("HALLKEEPER_STICK")
    if given:
        return Path(given)
    folder = tmp_path_factory.mktemp("stick")
    environment = os.environ | {
        "SOURCE_DATE_EPOCH": "1800000000", "RELEASES": "deb13", "ARCHITECTURES": "amd64",
        "COMPRESSION": "none", "PYTHON": sys.executable,
    }  # fmt: skip
    wheel = wheel_of("1.0.0", folder)
    run(ROOT / "packaging/debian/build", wheel, ROOT / "packaging/locks", folder, env=environment)
    (deb,) = folder.glob("hallkeeper-kiosk_*.deb")
    run(STICK / "image", deb, folder, env=environment)
    (image,) = folder.glob("*.img")
    return image


def until(event: str, check: Callable[[], object], timeout_s: float = WAIT_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not check():
        assert time.monotonic() < deadline, f"waited {timeout_s} s for {event}"
        time.sleep(LOOK_S)


class Computer:
    """An emulated PC with the stick in a USB port. Its serial line has a root shell."""

    def __init__(self, stick: Path, folder: Path, firmware: Firmware) -> None:
        self._folder = folder
        self._stick = stick
        self._firmware = firmware
        self._seen = b""

    def start(self) -> "Computer":
        for name in ("serial", "monitor"):
            (self._folder / name).unlink(missing_ok=True)
        command = [
            "qemu-system-x86_64", "-machine", "q35", "-accel", "tcg",
            "-cpu", "max", "-smp", "1", "-m", "2048", "-display", "none", "-vga", "std",
            *self._firmware_options(),
            "-device", "qemu-xhci", "-device", "usb-kbd", "-device", "usb-storage,drive=stick",
            "-drive", f"if=none,id=stick,format=raw,file={self._stick}",
            "-netdev", "user,id=net", "-device", "e1000e,netdev=net,id=nic",
            "-audiodev", f"wav,id=sound,path={self._folder}/sound.wav",
            "-device", "intel-hda", "-device", "hda-output,audiodev=sound",
            "-chardev", f"socket,id=serial,path={self._folder}/serial,server=on,wait=off,"
            f"logfile={self._folder}/serial.log",
            "-serial", "chardev:serial",
            "-qmp", f"unix:{self._folder}/monitor,server=on,wait=off",
        ]  # fmt: skip
        self._log = (self._folder / "qemu.log").open("ab")
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        self._serial = self._connected("serial")
        self._serial.settimeout(WAIT_S)
        self._monitor = self._connected("monitor").makefile("rwb", buffering=0)
        self._monitor.readline()  # the greeting
        self.order("qmp_capabilities")
        return self

    def _firmware_options(self) -> list[str]:
        if self._firmware == "bios":
            return []
        secure = self._firmware == "secure"
        own = self._folder / "firmware"  # its settings
        if not own.exists():
            shutil.copy(OVMF / f"OVMF_VARS_4M{'.ms' if secure else ''}.fd", own)
        code = OVMF / f"OVMF_CODE_4M{'.secboot' if secure else ''}.fd"
        options = [
            "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}",
            "-drive", f"if=pflash,format=raw,unit=1,file={own}",
        ]  # fmt: skip
        if secure:
            options += ["-machine", "smm=on", "-global", "cfi.pflash01.secure=on"]
        return options

    def _connected(self, name: str) -> socket.socket:
        line = socket.socket(socket.AF_UNIX)

        def connects() -> bool:
            assert self._process.poll() is None, (self._folder / "qemu.log").read_text()
            with contextlib.suppress(OSError):
                line.connect(str(self._folder / name))
                return True
            return False

        until(name, connects)
        return line

    def kill(self) -> None:
        """Without a sign to the system in it, as if the power failed."""
        self._process.kill()
        self._process.wait()
        self._serial.close()
        self._monitor.close()
        self._log.close()

    def order(self, name: str, /, **arguments: object) -> Any:
        self._monitor.write(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
        while True:
            answer = json.loads(self._monitor.readline())
            assert "error" not in answer, answer
            if "return" in answer:
                return answer["return"]

    def shell(self, command: str) -> str:
        """Run a command as root. Returns its output once it has ended with status 0."""
        self._serial.sendall(f"{command}; echo END-$?-\n".encode())
        text = b""
        while (end := END.search(text)) is None:
            text += self._serial.recv(65_536)
        output = text[: end.start()].decode(errors="replace")
        assert end[1] == b"0", (command, output)
        return output.replace("\r", "").partition("END-$?-\n")[2]

    def await_page(self) -> None:
        """Wait until the browser has opened the kiosk's page."""
        self.shell("dmesg -n 1")
        self.shell(f"until [ -s {DOOR}/screen.browsers ]; do sleep 1; done")

    def press(self, *keys: str) -> None:
        """Press these keys together."""
        for down in (True, False):
            events = [
                {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": key}}}
                for key in (keys if down else reversed(keys))
            ]
            self.order("input-send-event", events=events)
            time.sleep(KEY_S)

    def type(self, text: str) -> None:
        """Type as a hand scanner does, after what a field may have been left with."""
        self.press("ctrl", "a")
        for sign in text + "\n":
            key = SHIFTED.get(sign) or PLAIN.get(sign) or sign.lower()
            self.press(*(["shift"] if sign in SHIFTED or sign.isupper() else []), key)

    def shot(self, name: str) -> None:
        if folder := os.environ.get("HALLKEEPER_SHOTS"):
            path = Path(folder).resolve() / f"stick-{self._firmware}-{name}.png"
            self.order("screendump", filename=str(path), format="png")

    def cut_network(self, *, cut: bool) -> None:
        self.order("set_link", name="nic", up=not cut)

    def status(self) -> dict:
        options = f"--dir {DOOR} --json"
        text = self.shell(f"{KIOSK} status {options}")
        return json.loads(text[text.index("{") : text.rindex("}") + 1])


@pytest.fixture
def stick(image: Path, tmp_path: Path) -> Path:
    """A copy of the image that starts with a shell on the serial line."""
    stick = tmp_path / "stick.img"
    run("cp", "--sparse=always", image, stick)
    fat = f"{stick}@@1M"
    for name in ("EFI/debian/grub.cfg", "syslinux.cfg"):
        file = tmp_path / "loader.cfg"
        run("mcopy", "-n", "-o", "-i", fat, f"::{name}", file)
        file.write_text(file.read_text().replace(" quiet", SERIAL))
        run("mcopy", "-o", "-i", fat, file, f"::{name}")
    (tmp_path / "settings.toml").write_text('languages = ["en", "zh"]\r\n')
    run("mcopy", "-i", fat, tmp_path / "settings.toml", "::settings/settings.toml")
    return stick


@contextlib.contextmanager
def computer(stick: Path, folder: Path, firmware: Firmware) -> Iterator[Computer]:
    computer = Computer(stick, folder, firmware).start()
    try:
        yield computer
    finally:
        computer.kill()


def typed_until(pc: Computer, text: str, event: str, check: Callable[[], object]) -> None:
    """Type it, again if the page was not ready."""
    for _ in range(int(WAIT_S / AGAIN_S)):
        pc.type(text)
        with contextlib.suppress(AssertionError):
            until(event, check, AGAIN_S)
            return
    pc.shot("failed")
    raise AssertionError(event)


def enrol_by_keys(pc: Computer, forum: LiveSite) -> None:
    address = (HOST, forum.port)
    options = {"address": address, "by": "test", "now": now_ms(), "random": os.urandom}
    code = forum.database.write(
        lambda db: registry.add_kiosk(db, forum.event, "west", "west", **options)
    )
    has_words = lambda: any(k.words for k in registry.kiosks(forum.database.reader))  # noqa: E731
    typed_until(pc, code.text(), "the six words", has_words)
    pc.shot("words")
    forum.write(lambda db: registry.confirm(db, forum.event, "west", by="test", now=now_ms()))
    pc.shell(f"until {KIOSK} status --dir {DOOR} | grep 'Facts .* s old'; do sleep 1; done")


def scans(forum: LiveSite) -> int:
    ((count,),) = forum.query("SELECT count(*) FROM scan")
    return int(count)


@pytest.mark.parametrize("firmware", ["secure", "bios"])
@soaking
def test_other_firmware_starts_the_first_screen(
    firmware: Firmware, stick: Path, tmp_path: Path
) -> None:
    with computer(stick, tmp_path, firmware) as pc:
        pc.await_page()
        pc.shot("first")
        if firmware == "secure":
            assert "Secure boot enabled" in pc.shell("dmesg")


@soaking
def test_a_kiosk_keeps_its_journal_when_the_power_fails(stick: Path, tmp_path: Path) -> None:
    with site(tmp_path / "forum", hall_toml("hall", 10) + door_toml("west"), 2) as forum:
        forum.start_server()
        with computer(stick, tmp_path, "uefi") as pc:
            pc.await_page()
            assert "ro" in pc.shell("findmnt -no OPTIONS /").strip().split(",")
            assert "ext4" in pc.shell("findmnt -no FSTYPE /var/lib/hallkeeper-kiosk")
            pc.shot("first")
            enrol_by_keys(pc, forum)
            typed_until(pc, forum.badge(0), "the first scan", lambda: scans(forum) > 0)
            pc.shot("admitted")
            pc.cut_network(cut=True)
            typed_until(pc, forum.badge(1), "a waiting scan", lambda: pc.status()["waiting"] > 0)
            before = pc.status()
        with computer(stick, tmp_path, "uefi") as pc:
            pc.cut_network(cut=True)
            pc.await_page()
            after = pc.status()
            assert (after["scans"], after["waiting"]) == (before["scans"], before["waiting"])
            exported = pc.shell(f"cd /tmp && {KIOSK} export --dir {DOOR} x && {KIOSK} verify x")
            assert f"{before['scans']} scans of west (generation 1)" in exported
            assert "whole and unchanged" in exported
            pc.shot("after-power-failure")
            assert scans(forum) == before["acknowledged"]
            pc.cut_network(cut=False)
            until("the waiting scans", lambda: scans(forum) == before["scans"])
