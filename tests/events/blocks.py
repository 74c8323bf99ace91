"""Reads the blocks of README and docs: commands, and whether they are run by tests."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = "sh"
FENCE = re.compile(r"\s*```(\S*)")
MARK = re.compile(r"\s*<!-- not run: (.+) -->")


@dataclass
class Block:
    """A fenced block of a page. `reason` states why tests do not run it; "" if they do."""

    page: str
    line: int
    language: str
    reason: str
    text: list[str] = field(default_factory=list)

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    def commands(self) -> Iterator[str]:
        """Yield each command. A line that ends with a backslash goes on in the next one."""
        whole = textwrap.dedent("\n".join(self.text)).replace("\\\n", " ")
        yield from (line for line in whole.splitlines() if line.strip())


def blocks_of(path: Path) -> list[Block]:
    """Read a page's fenced blocks, in order."""
    blocks: list[Block] = []
    inside = False
    before = ""
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        fence = FENCE.match(line)
        if fence and not inside:
            mark = MARK.fullmatch(before)
            page = path.relative_to(ROOT).as_posix()
            blocks.append(Block(page, number, fence[1], mark[1] if mark else ""))
        elif inside and not fence:
            blocks[-1].text.append(line)
        inside = inside != bool(fence)
        before = line
    assert not inside, f"{path}: a block has no end"
    return blocks
