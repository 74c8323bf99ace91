"""The camera's test page: its report on the camera and the reader, in both languages."""

import re
from dataclasses import replace
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from kiosk.camera.camera import CameraStatus
from kiosk.camera.controls import CameraRequest, Hint
from kiosk.camera.quality import Judgement
from kiosk.camera.report import CameraReport
from kiosk.camera.sources import Kind
from kiosk.pictures import CameraError
from kiosk.screen.board import Board
from kiosk.screen.camera_page import add_camera_page
from kiosk.screen.serving import create_screen
from kiosk.texts.messages import Code, Message
from tests.kiosk.screen.screen_fixture import opened

JPEG = b"\xff\xd8picture\xff\xd9"
HOSTILE = 'Evil <script>alert(1)</script> "cam'
HINTS = (
    Hint("size", "1280 × 720", "1280 × 720", True),
    Hint("fps", "30", "30", True),
    Hint("format", "MJPG", "YUYV", False),
    Hint("exposure", "5 ms", "31.2 ms", False),
    Hint("focus", "auto", "", True),
)
REPORT = CameraReport(
    kind=Kind.WEBCAM,
    target="0",
    name="HD C270",
    asked=CameraRequest(exposure_ms=5, focus="auto"),
    status=CameraStatus("live", None, 1280, 720, 29.7, 90, HINTS),
    judged=Judgement(31.4, "dark", 9.2, "blurred"),
    looks_per_s=15.0,
    look_ms=4.2,
    codes=1,
    shown=10,
    read=9,
)


class Eye:
    def __init__(self) -> None:
        self.told = REPORT
        self.pictures = 0
        self.jpeg: bytes | None = JPEG

    def test_picture(self) -> bytes | None:
        self.pictures += 1
        return self.jpeg

    def report(self) -> CameraReport:
        return self.told


def app_with(eye: Eye | None, *languages: str) -> Flask:
    app = create_screen(Board(), lambda: None, languages=languages)
    add_camera_page(app, eye)
    return app


@pytest.fixture
def eye() -> Eye:
    return Eye()


@pytest.fixture
def client(eye: Eye) -> FlaskClient:
    return opened(app_with(eye))


def text_of(client: FlaskClient, path: str, **headers: str) -> str:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def test_it_works(client: FlaskClient) -> None:
    text = text_of(client, "/camera?language=en")
    for line in (
        "webcam 0 (HD C270)",
        "State works",
        "too dark: more light (mean level 31 of 255)",
        "blurred: more light or a shorter exposure; if it stays, set the focus (an edge takes 9.2",
        "9 of 10 codes: 90 %",
        "15.0 a second, 4.2 ms each",
        "Resolution 1280 × 720 1280 × 720 Pictures a second 30 30, 29.7 measured",
        "Format MJPG YUYV – not applied",
        "Exposure 5 ms 31.2 ms – not applied",
        "Gain left to the camera",
        "Focus auto not reported",
    ):
        assert line in text, line


def test_it_works_in_chinese(client: FlaskClient) -> None:
    page = client.get("/camera?language=zh").text
    assert '<html lang="zh-Hans" dir="ltr">' in page
    assert "模糊：请增加照明或缩短曝光" in page
    assert "10 个二维码读取 9 个：90%" in page


def test_the_language_is_asked_for_or_set_or_the_browsers(eye: Eye) -> None:
    assert "摄像头测试" in text_of(opened(app_with(eye, "zh")), "/camera")
    client = opened(app_with(eye))
    assert "摄像头测试" in text_of(client, "/camera", **{"Accept-Language": "zh-CN,zh;q=0.9"})
    assert "Camera test" in text_of(client, "/camera", **{"Accept-Language": "fr"})
    assert "Camera test" in text_of(client, "/camera?language=../../etc")


def test_the_pages_other_languages_are_one_step_away(eye: Eye) -> None:
    page = opened(app_with(eye)).get("/camera?language=zh").text
    assert 'href="/camera?language=en" lang="en"' in page
    assert 'href="/camera?language=zh"' not in page


def test_without_a_code_a_blurred_wall_is_no_fault(client: FlaskClient, eye: Eye) -> None:
    eye.told = replace(REPORT, codes=0)
    page = client.get("/camera?language=en").text
    assert "nothing sharp in view: hold up a badge" in page
    assert "blurred" not in page
    eye.told = replace(REPORT, codes=0, judged=Judgement(120.0, "good", None, "unknown"))
    assert "hold up a badge to check" in client.get("/camera?language=en").text


def test_the_facts_alone_are_fetched_anew(client: FlaskClient, eye: Eye) -> None:
    eye.told = replace(REPORT, read=1)
    answer = client.get("/camera/facts?language=en")
    assert "<html" not in answer.text
    assert "1 of 10 codes: 10 %" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_lost_camera_is_reported(client: FlaskClient, eye: Eye) -> None:
    lost = CameraStatus("lost", Message(Code.NO_PICTURE_FOR, n=3), 1280, 720)
    eye.told = replace(REPORT, status=lost, judged=None, shown=0, read=0)
    assert "lost: no picture for 3 s" in text_of(client, "/camera?language=en")
    text = text_of(client, "/camera?language=zh")
    assert "断开: 3 秒没有画面" in text
    assert "没有出示二维码" in text


WEBCAM = Message(Code.WEBCAM, target="0")


@pytest.mark.parametrize(
    ("message", "english", "chinese"),
    [
        (Message(Code.NO_PICTURE), "no picture from the camera", "没有画面"),
        (Message(Code.NO_PICTURE_FOR, n=12), "no picture for 12 s", "12 秒没有画面"),
        (Message(Code.FROZEN), "picture frozen", "画面静止"),
        (
            CameraError(
                Message(Code.CANT_OPEN, camera=WEBCAM), Message(Code.CHECK_CABLE_AND_PROGRAMS)
            ).message,
            "webcam 0 can't be opened; check the cable, and that no other program uses it",
            "无法打开 摄像头 0；请检查连接线，并确认没有其他程序占用",
        ),
        (
            Message(Code.NOT_PLUGGED_IN, camera="C270"),
            "C270 isn't plugged in",
            "C270 未插好",
        ),
        (
            Message(Code.CAMERA_FAILED, camera=WEBCAM, why="error"),
            "webcam 0 failed (error)",
            "摄像头 0 故障（error）",
        ),
    ],
    ids=lambda value: value.code.name if isinstance(value, Message) else "",
)
def test_a_camera_s_messages_are_in_chinese_too(
    client: FlaskClient, eye: Eye, message: Message, english: str, chinese: str
) -> None:
    eye.told = replace(REPORT, status=CameraStatus("lost", message))
    assert f"lost: {english}" in text_of(client, "/camera?language=en")
    assert f"断开: {chinese}" in text_of(client, "/camera?language=zh")


def test_a_missing_camera_is_shown_with_the_wanted_settings(client: FlaskClient, eye: Eye) -> None:
    eye.told = replace(REPORT, status=CameraStatus("lost", Message(Code.CANT_OPEN, camera=WEBCAM)))
    text = text_of(client, "/camera?language=en")
    assert "Pictures a second 30 0 measured Format MJPG – Exposure 5 – Gain left to" in text


def test_a_film_is_asked_for_nothing(client: FlaskClient, eye: Eye) -> None:
    status = CameraStatus("live", None, 640, 480, 25.0, 9)
    eye.told = replace(
        REPORT, kind=Kind.FILE, target="door.avi", name="", asked=None, status=status
    )
    text = text_of(client, "/camera?language=en")
    assert "Camera video door.avi" in text
    assert "Resolution – 640 × 480 Pictures a second – 25 measured" in text
    assert "not applied" not in text


def test_a_size_that_the_pictures_lack_is_reported(client: FlaskClient, eye: Eye) -> None:
    eye.told = replace(REPORT, status=replace(REPORT.status, width=640, height=480))
    assert "1280 × 720 640 × 480 – not applied" in text_of(client, "/camera?language=en")


def test_the_picture_is_made_once_for_all_tabs(client: FlaskClient, eye: Eye) -> None:
    answers = [client.get("/camera/picture.jpg") for _ in range(5)]
    assert [answer.data for answer in answers] == [JPEG] * 5
    assert answers[0].mimetype == "image/jpeg"
    assert eye.pictures == 1


def test_no_picture_yet(eye: Eye) -> None:
    eye.jpeg = None
    assert opened(app_with(eye)).get("/camera/picture.jpg").status_code == 204


def test_a_door_without_a_camera_reports_it() -> None:
    client = opened(app_with(None))
    assert "It uses only the hand scanner" in text_of(client, "/camera?language=en")
    assert client.get("/camera/picture.jpg").status_code == 204
    assert client.get("/camera/facts").status_code == 200


def test_a_name_from_outside_is_escaped(client: FlaskClient, eye: Eye) -> None:
    eye.told = replace(REPORT, name=HOSTILE)
    page = client.get("/camera").text
    assert "<script>alert" not in page
    assert HOSTILE in unescape(page)


def test_the_page_runs_its_own_files_alone(client: FlaskClient) -> None:
    answer = client.get("/camera")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", answer.text)
    for address in re.findall(r'(?:src|href)="([^"]+)"', answer.text):
        assert address.startswith("/"), address
        with client.get(address) as file:
            assert file.status_code == 200, address


def test_other_browsers_are_refused(client: FlaskClient) -> None:
    for path in ("/camera", "/camera/facts", "/camera/picture.jpg"):
        assert client.get(path, headers={"Host": "evil.example"}).status_code == 403
        assert client.get(path, environ_base={"REMOTE_ADDR": "192.0.2.9"}).status_code == 403
        assert client.post(path).status_code in (403, 405)
