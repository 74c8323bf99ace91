"""Enrolment at the kiosk's own screen: typed, by the camera, and beside another program."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient

from kiosk.cli.first_steps import FirstSteps, enrol_at_screen
from kiosk.cli.main import main
from kiosk.config.identity import load_identity
from kiosk.config.settings import KioskSettings
from kiosk.screen.board import Board
from kiosk.screen.entrance import read_link
from kiosk.screen.first_steps import add_first_steps
from kiosk.screen.pages import TOKEN_HEADER
from kiosk.screen.serving import create_screen
from tests.kiosk.cli.test_enrol import Admin, code_of
from tests.kiosk.screen.screen_fixture import OWN, opened, post
from tests.kiosk.support.door_fixture import KIOSK, enrolled
from tests.kiosk.support.fake_server import FakeServer, serving
from tests.kiosk.support.pictures import held_up, symbol
from tests.waiting import until

NEVER = 10**9


@pytest.fixture
def admin() -> Admin:
    return Admin()


@pytest.fixture
def server(tmp_path: Path, admin: Admin) -> Iterator[FakeServer]:
    with serving(tmp_path, post_api_enrol=admin) as server:
        yield server


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "door"


@pytest.fixture
def done() -> threading.Event:
    return threading.Event()


@pytest.fixture
def steps(directory: Path, done: threading.Event) -> Iterator[FirstSteps]:
    steps = FirstSteps(directory, done, poll_s=0.01)
    yield steps
    steps.close()


def page_of(steps: FirstSteps) -> Flask:
    app = create_screen(Board(), lambda: None)
    add_first_steps(app, steps)
    return app


def entered(client: FlaskClient, code: object) -> int:
    token = client.application.extensions["screen"].token
    headers = {TOKEN_HEADER: token, "Origin": OWN}
    return post(client, "/enrolment", {"code": code}, headers).status_code


@pytest.fixture
def at_screen(directory: Path, done: threading.Event) -> Iterator[Callable[[str], Future]]:
    """Starts the enrolment at the screen with this camera."""
    with ThreadPoolExecutor(1) as threads:
        settings = {"port": 0, "camera_fps": 30.0}

        def start(camera: str) -> Future:
            chosen = KioskSettings(camera=camera, **settings)
            return threads.submit(enrol_at_screen, directory, chosen, done, lambda text: None)

        yield start
        done.set()


def test_a_typed_code_shows_words_and_enrols(
    server: FakeServer, admin: Admin, steps: FirstSteps, directory: Path, done: threading.Event
) -> None:
    admin.confirm_at = NEVER
    client = opened(page_of(steps))
    assert client.get("/enrolment").json == {"state": "waiting", "words": "", "detail": ""}
    assert entered(client, code_of(server)) == 204
    until(lambda: client.get("/enrolment").json["state"] == "words")
    assert len(client.get("/enrolment").json["words"].split()) == 6
    assert not done.is_set()
    admin.confirm_at = admin.asked
    assert done.wait(60)
    assert steps.progress.state == "enrolled"
    assert load_identity(directory).kiosk == KIOSK


def test_the_page_has_both_languages(steps: FirstSteps) -> None:
    page = opened(page_of(steps)).get("/").text
    assert "This kiosk belongs to no event yet" in page
    assert "本验证机尚未加入活动" in page


def test_only_the_kiosk_s_own_browser_may_enrol_it(steps: FirstSteps) -> None:
    app = page_of(steps)
    assert app.test_client().get("/enrolment").status_code == 403
    assert app.test_client().get("/").status_code == 403
    assert entered(app.test_client(), "HKE1.") == 403
    assert post(opened(app), "/enrolment", {"code": "HKE1."}, {"Origin": OWN}).status_code == 403
    assert [entered(opened_app, "x" * 401) for opened_app in [opened(page_of(steps))]] == [400]
    assert steps.progress.state == "waiting"


def test_a_wrong_code_is_named_and_the_right_one_is_taken_next(
    server: FakeServer, steps: FirstSteps, done: threading.Event
) -> None:
    steps.take("HKE1.AAAA")
    until(lambda: steps.progress.state == "bad_code")
    assert "begins with HKE1" in steps.progress.detail
    steps.take(code_of(server, pin=bytes(32)))
    until(lambda: steps.progress.state == "no_server")
    steps.take(code_of(server))
    assert done.wait(60)


def test_a_server_that_is_away_is_named_and_the_same_code_works_later(
    server: FakeServer, steps: FirstSteps, done: threading.Event
) -> None:
    code = code_of(server)
    steps.take(code.replace(f":{server.port}", ":1"))
    until(lambda: steps.progress.state == "no_server")
    steps.take(code)
    assert done.wait(60)


def test_a_newer_code_replaces_one_that_waits_for_its_confirmation(
    server: FakeServer, admin: Admin, steps: FirstSteps, done: threading.Event
) -> None:
    admin.confirm_at = NEVER
    steps.take(code_of(server))
    until(lambda: steps.progress.state == "words")
    steps.take("HKE1.AAAA")
    until(lambda: steps.progress.state == "bad_code")
    admin.confirm_at = 1
    steps.take(code_of(server))
    assert done.wait(60)


def test_the_camera_reads_the_code(
    server: FakeServer,
    directory: Path,
    tmp_path: Path,
    at_screen: Callable[[str], Future],
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    picture = held_up(symbol(code_of(server), version=None), 6)
    cv2.imwrite(str(photos / "code.png"), picture)
    at_screen(str(photos)).result(60)
    assert load_identity(directory).kiosk == KIOSK


def test_a_badge_before_the_camera_is_no_code(steps: FirstSteps) -> None:
    steps.present("HK6BF4 N")
    steps.present("https://example.org/")
    assert steps.progress.state == "waiting"


def test_it_ends_when_another_program_has_enrolled_the_kiosk(
    directory: Path, at_screen: Callable[[str], Future]
) -> None:
    ended = at_screen("none")
    until(lambda: (directory / "screen.link").exists())
    assert read_link(directory).startswith("http://127.0.0.1:")
    assert not ended.done()
    enrolled(directory)
    ended.result(60)


def test_a_directory_with_a_kiosk_needs_no_first_steps(directory: Path) -> None:
    enrolled(directory)
    result = CliRunner().invoke(main, ["enrol", "--dir", str(directory)])
    assert result.exit_code == 1
    assert f"holds kiosk {KIOSK} already" in result.output
    result = CliRunner().invoke(main, ["enrol", "--dir", str(directory), "--again"])
    assert "--again needs --code" in result.output
