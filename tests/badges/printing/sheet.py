"""Draws 30 cards in all scripts and lengths, in every format, front and back, and reads them.

python -m tests.badges.printing.sheet FOLDER [FORMAT…]

It writes each page as a picture, and some overviews per format. `hallkeeper-kiosk read` reads
every page at 150 dpi, and labels at 203 dpi in black and white. It prints a line of JSON per
format. The exit status is 1 if a code was not read.
"""

import io
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
from PIL import Image

from badges.printing.card import Card, render_pngs
from badges.printing.look import FORMATS, Format
from tests.badges.printing.cards import CREDENTIAL
from tests.badges.printing.forum import BACK, FORUM, people

DPI, LABEL_DPI = 150, 203
OVERVIEW_PX = 2_000  # along its longer side


def thirty() -> list[Card]:
    """The cards, each with its own code."""
    return [
        replace(card, text=f"{CREDENTIAL[:-2]}{at:02}") for at, card in enumerate(people(), start=1)
    ]


def draw(name: str, cards: Sequence[Card], folder: Path) -> list[Path]:
    """Draw a format's pages into its own folder, as its printer would print them."""
    paper = FORMATS[name]
    look = replace(FORUM, format=paper, back=BACK)
    paths = []
    folder.mkdir(parents=True, exist_ok=True)
    for number, png in enumerate(render_pngs(cards, look, _dpi(paper)), start=1):
        with Image.open(io.BytesIO(png)) as picture:
            if paper.mono:
                page = picture.convert("L").point(lambda value: 255 if value >= 128 else 0, "1")
            else:
                page = picture.convert("RGB")
        path = folder / f"{number:03}.png"
        page.save(path)
        paths.append(path)
    return paths


def _dpi(paper: Format) -> int:
    return LABEL_DPI if paper.mono else DPI


def expected(name: str, cards: Sequence[Card]) -> list[set[str]]:
    """The codes on each page, in order."""
    on_page = FORMATS[name].on_page
    size = 4 if on_page == "four" else 1
    chunks = [{card.text for card in cards[at : at + size]} for at in range(0, len(cards), size)]
    return [chunk for chunk in chunks for _ in range(1 if on_page == "folded" else 2)]


def read(paths: Sequence[Path]) -> list[set[str]]:
    """The codes that the kiosk's command reads on each page."""
    command = [sys.executable, "-m", "kiosk", "read", "--json", *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    texts = {line["path"]: {text["text"] for text in line["texts"]} for line in lines[:-1]}
    return [texts.get(str(path), set()) for path in paths]


def check(name: str, cards: Sequence[Card], folder: Path) -> dict[str, object]:
    """Draw and read one format. Returns the numbers of codes and of codes read."""
    paths = draw(name, cards, folder)
    wanted, seen = expected(name, cards), read(paths)
    _overviews(paths, folder.parent / name, 2 if FORMATS[name].on_page != "folded" else 1)
    return {
        "format": name,
        "dpi": _dpi(FORMATS[name]),
        "pages": len(paths),
        "codes": sum(map(len, wanted)),
        "read": sum(
            len(wanted_texts & seen_texts)
            for wanted_texts, seen_texts in zip(wanted, seen, strict=True)
        ),
        "not_read": [
            path.name
            for path, wanted_texts, seen_texts in zip(paths, wanted, seen, strict=True)
            if wanted_texts - seen_texts
        ],
        "others": sum(
            len(seen_texts - wanted_texts)
            for wanted_texts, seen_texts in zip(wanted, seen, strict=True)
        ),
    }


def _overviews(paths: Sequence[Path], stem: Path, sides: int) -> None:
    """Put fronts and backs on sheets side by side."""
    for side in range(sides):
        some = paths[side::sides]
        with Image.open(some[0]) as first:
            width, height = first.size
        columns = 5 if width < height else 3
        for sheet, at in enumerate(range(0, len(some), columns * 3), start=1):
            part = some[at : at + columns * 3]
            whole = Image.new("RGB", (columns * (width + 12), 3 * (height + 12)), "#bbbbbb")
            for place, path in enumerate(part):
                with Image.open(path) as picture:
                    x, y = place % columns * (width + 12) + 6, place // columns * (height + 12) + 6
                    whole.paste(picture.convert("RGB"), (x, y))
            whole.thumbnail((OVERVIEW_PX, OVERVIEW_PX))
            whole.save(stem.with_name(f"{stem.name}-{('front', 'back')[side]}-{sheet}.png"))


def main(arguments: Sequence[str]) -> int:
    """For the named formats, or for all."""
    if not arguments or set(arguments[1:]) - set(FORMATS):
        click.echo(__doc__, err=True)
        return 2
    results = []
    for name in arguments[1:] or FORMATS:
        results.append(check(name, thirty(), Path(arguments[0]) / name))
        click.echo(json.dumps(results[-1]))
    return 1 if any(result["not_read"] for result in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
