"""The phone's page and its manifest, for the server that serves them.

All texts in all languages are in the page, because it must explain even why Python does not start.
"""

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

import kiosk.screen
from kiosk.screen.languages import words_of
from kiosk.screen.texts import PHONE, SUPERVISOR, WORDS
from kiosk.texts import catalogue

# Stands for the folder of the files of one version, such as /door/files/0a1b…/
FILES = "%FILES%"
ANSWER_MS = 5000  # how long an answer stays, unless another follows
# A worker that is silent for so long is ended, and the page opened again; twice as long each time.
SILENCE_MS = 30_000
TEMPLATES = Path(__file__).parent / "templates", Path(kiosk.screen.__file__).parent / "templates"
GROUND = "#0b1622"  # as in screen.css


def door_page() -> str:
    """The page's HTML, with `FILES` in place of the folder of its files."""
    page = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
    )
    return page.get_template("door.html").render(
        _=str,  # The scripts put in the texts of the chosen language.
        phone=True,
        files=FILES,
        answer_ms=ANSWER_MS,
        silence_ms=SILENCE_MS,
        ground=GROUND,
        languages=door_words(),
    )


def door_words() -> list[dict[str, Any]]:
    texts = {**WORDS, **SUPERVISOR, **PHONE}
    return [words_of(language, texts) for language in catalogue.CATALOGUES.languages]


def manifest() -> bytes:
    """The web app manifest, with `FILES` as in the page."""
    return json.dumps(
        {
            "name": "Hallkeeper",
            "short_name": "Hallkeeper",
            "id": "/door/",
            "start_url": "/door/",
            "scope": "/door/",
            "display": "standalone",
            "background_color": GROUND,
            "theme_color": GROUND,
            "icons": [
                {
                    "src": f"{FILES}screen/shared/icon.svg",
                    "sizes": "any",
                    "type": "image/svg+xml",
                    "purpose": "any",
                }
            ],
        },
        indent=1,
    ).encode()
