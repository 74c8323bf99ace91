"""The camera's test page at /camera: the reader's view and its quality, in words.

It changes nothing. A short script fetches the picture and the facts repeatedly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from flask import Blueprint, Flask, Response, current_app, render_template, request

from kiosk.camera.controls import Hint
from kiosk.camera.report import CameraReport
from kiosk.screen.camera_texts import CAMERA
from kiosk.screen.languages import attributes_of, is_known, page_languages
from kiosk.screen.pages import SharedPicture, screen
from kiosk.texts.catalogue import translated
from kiosk.texts.messages import in_language

PICTURE_S = 0.1  # at most ten pictures a second
EXTENSION = "camera_page"

blueprint = Blueprint("camera_page", __name__)


class CameraEye(Protocol):
    def test_picture(self) -> bytes | None: ...

    def report(self) -> CameraReport: ...


@dataclass(frozen=True)
class CameraPage:
    """The camera of this door (None without one) and its newest picture."""

    eye: CameraEye | None
    picture: SharedPicture


@dataclass(frozen=True)
class Row:
    """One line of the facts. `level` is "good", "look" or "bad", or "" without a judgement."""

    name: str
    text: str
    level: str = ""


@dataclass(frozen=True)
class Asked:
    name: str
    asked: str
    got: str
    taken: bool = True


def add_camera_page(app: Flask, eye: CameraEye | None) -> None:
    """Serve /camera too, in the languages of the kiosk's page."""
    take = (lambda: None) if eye is None else eye.test_picture
    app.extensions[EXTENSION] = CameraPage(eye, SharedPicture(take, PICTURE_S))
    app.register_blueprint(blueprint)


def _own() -> CameraPage:
    own = current_app.extensions[EXTENSION]
    assert isinstance(own, CameraPage)
    return own


@blueprint.get("/camera")
def page() -> str:
    language = _language()
    others = [attributes_of(other) for other in page_languages() if other != language]
    return render_template(
        "camera.html",
        own=attributes_of(language),
        others=others,
        key=screen().key,
        **_facts(language),
    )


@blueprint.get("/camera/facts")
def facts() -> str:
    return render_template("camera_facts.html", **_facts(_language()))


@blueprint.get("/camera/picture.jpg")
def picture() -> Response:
    return _own().picture.answer()


def _language() -> str:
    wish = request.args.get("language", "")
    return wish if is_known(wish) else page_languages()[0]


def _facts(language: str) -> dict[str, Any]:
    words, eye = words_in(language), _own().eye
    shown: dict[str, Any] = {"words": words, "rows": None, "asked": ()}
    if eye is not None:
        report = eye.report()
        shown |= {"rows": rows(report, language), "asked": asked(report, words)}
    return shown


def words_in(language: str) -> Mapping[str, str]:
    return translated(language, CAMERA)


def rows(report: CameraReport, language: str) -> list[Row]:
    words, status, judged = words_in(language), report.status, report.judged
    state = words[f"state_{status.state}"]
    message = in_language(language, *filter(None, [status.message]))
    level = {"live": "good", "lost": "bad"}.get(status.state, "look")
    label = words[report.kind].format(target=report.target)
    lines = [
        Row(words["camera"], f"{label} ({report.name})" if report.name else label),
        Row(words["state"], f"{state}: {message}" if message else state, level),
    ]
    if judged is not None:
        light = words["level"].format(n=round(judged.brightness))
        lines.append(_judged(words, "light", judged.light, light))
        edge = "" if judged.edge_px is None else words["edge"].format(n=f"{judged.edge_px:g}")
        # A wall out of focus is no fault. Only a code proves that the picture is not sharp.
        unclear = judged.sharpness != "sharp" and edge != "" and not report.codes
        sharpness = "unclear" if unclear else judged.sharpness
        lines.append(_judged(words, "sharpness", sharpness, edge))
    return [
        *lines,
        _rate(report, words),
        Row(words["codes"], str(report.codes)),
        Row(words["looks"], words["looked"].format(n=report.looks_per_s, ms=report.look_ms)),
    ]


def _judged(words: Mapping[str, str], name: str, judgement: str, detail: str) -> Row:
    levels = {"good": "good", "sharp": "good", "unknown": "", "unclear": "", "soft": "look"}
    text = words[f"{name}_{judgement}"]
    return Row(words[name], f"{text} ({detail})" if detail else text, levels.get(judgement, "bad"))


def _rate(report: CameraReport, words: Mapping[str, str]) -> Row:
    if not report.shown:
        return Row(words["read_rate"], words["rate_none"])
    percent = round(100 * report.read / report.shown)
    level = "good" if percent >= 90 else "look" if percent >= 70 else "bad"
    text = words["rate"].format(read=report.read, shown=report.shown, n=percent)
    return Row(words["read_rate"], text, level)


def asked(report: CameraReport, words: Mapping[str, str]) -> list[Asked]:
    status = report.status
    hints: dict[str, Hint] = {hint.name: hint for hint in status.hints}
    size = f"{status.width} × {status.height}" if status.width else ""
    measured = words["measured"].format(n=f"{status.fps_measured:g}")
    if report.asked is None:
        return [Asked(words["size"], "–", size), Asked(words["fps"], "–", measured)]
    request = report.asked
    lines = [
        # The pictures' own values, regardless of the driver's report.
        Asked(
            words["size"],
            f"{request.width} × {request.height}",
            size or words["untold"],
            size in ("", f"{request.width} × {request.height}"),
        ),
        _hint(hints.get("fps"), words["fps"], words, f"{request.fps:g}", measured),
        _hint(hints.get("format"), words["format"], words, "MJPG"),
    ]
    asked_for = {"exposure": request.exposure_ms, "gain": request.gain, "focus": request.focus}
    for name, value in asked_for.items():
        wished = words["left"] if value is None else str(value)
        lines.append(_hint(hints.get(name), words[name], words, wished))
    return lines


def _hint(
    hint: Hint | None, name: str, words: Mapping[str, str], wished: str, measured: str = ""
) -> Asked:
    """`wished` is shown for settings that are not requested yet, or never."""
    if hint is None:
        return Asked(name, _auto(words, wished), measured or "–")
    got = ", ".join(filter(None, (hint.got, measured))) or words["untold"]
    return Asked(name, _auto(words, hint.asked), got, hint.taken)


def _auto(words: Mapping[str, str], asked: str) -> str:
    """Numbers are not translated."""
    return words[asked] if asked in ("auto", "short") else asked
