"""A reader of README and docs, who types the pages' commands into a shell."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.events.blocks import Block
from tests.system.support.site import free_port
from tests.waiting import until

WAIT_S = 600.0  # on a busy machine
HERE = "127.0.0.1"
# They work until Ctrl-C. The reader goes on with the next line once this text is in their output.
LASTING = {
    "hallkeeper serve": "https://",
    "hallkeeper-kiosk run": "http://",
    "hallkeeper audit witness": "http://",
}
SIX_WORDS = re.compile(r"Six words: (.+)")
BROKEN = re.compile(r"Traceback|\bERROR\b")
# By a text of a page: what this reader has in its place. A function finds it out when needed.
Values = dict[str, "str | Callable[[Reader], str]"]


class Typed:
    """A command that works in the background, and its output."""

    def __init__(self, line: str, reader: "Reader") -> None:
        self.line = line
        self.log = reader.logs / f"{len(list(reader.logs.iterdir()))}.log"
        with self.log.open("wb") as output:
            self.child = subprocess.Popen(
                ["bash", "-c", line], cwd=reader.directory, env=reader.environment,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip

    @property
    def output(self) -> str:
        return self.log.read_text("utf-8")

    def interrupt(self) -> None:
        """Press Ctrl-C, and wait for its end."""
        if self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGINT)
        self.child.wait(WAIT_S)

    def check(self) -> None:
        """Raises AssertionError unless it ended well."""
        shown = f"{self.line}\nexit status {self.child.returncode}\n{self.output}"
        assert self.child.returncode == 0, shown
        assert not BROKEN.search(self.output), shown


class Reader:
    """Runs commands in a directory, as a page has them but for the reader's own values.

    A new event listens on a free port, because another server may have the usual one.
    """

    def __init__(self, path: Path, values: Values) -> None:
        self.directory = path / "here"
        self.logs = path / "logs"
        self.values = values
        self.running: list[Typed] = []
        self.around = ExitStack()  # servers and printers of others, which a page takes for granted
        for folder in (self.directory, self.logs):
            folder.mkdir()
        (self.directory / ".venv").symlink_to(sys.prefix)
        self.environment = os.environ | {
            "PATH": f"{self.directory}/.venv/bin:{os.environ['PATH']}",
            "HOME": str(self.directory),
        }

    def read(self, block: Block) -> None:
        """Type a block's commands."""
        for line in block.commands():
            try:
                self.type(self.filled_in(line))
            except AssertionError as error:
                raise AssertionError(f"{block.place}: {error}") from error

    def filled_in(self, line: str) -> str:
        """Put the reader's own values into a command."""
        for text, value in self.values.items():
            if text in line:
                line = line.replace(text, value if isinstance(value, str) else value(self))
        return line

    def type(self, line: str) -> str:
        """Run a command until it has ended well, or works. Return its output."""
        lasting = next((text for word, text in LASTING.items() if word in line), None)
        command = Typed(line, self)
        self.running.append(command)
        asked = ""

        def is_done() -> bool:
            nonlocal asked
            words = SIX_WORDS.search(command.output)
            if words and not asked:
                asked = words[1]
                self._confirm(asked)
            ended = command.child.poll() is not None
            return ended or (lasting is not None and lasting in command.output)

        until(is_done, lambda: f"{line}\n{command.output}")
        if command.child.poll() is not None:
            self.running.remove(command)
            command.check()
        self._listen_on_free_ports()
        return command.output

    def _confirm(self, words: str) -> None:
        """Be the admin who has compared a new kiosk's words."""
        kiosks = self.type("hallkeeper kiosk list --event forum")
        (kiosk,) = re.findall(r"(?m)^ *(\w+)/\d+ .*", kiosks)
        assert words in kiosks
        self.type(f"hallkeeper kiosk confirm {kiosk} --yes --event forum")

    def _listen_on_free_ports(self) -> None:
        for settings in self.directory.glob("*/event.toml"):
            text = settings.read_text("utf-8")
            if "port = 8443" in text:
                settings.write_text(text.replace("port = 8443", f"port = {free_port()}"), "utf-8")

    def interrupt(self) -> None:
        """End all commands that last, the newest first. Each must end well."""
        while self.running:
            command = self.running.pop()
            command.interrupt()
            command.check()

    def close(self) -> None:
        for command in reversed(self.running):
            command.interrupt()
        self.around.close()
