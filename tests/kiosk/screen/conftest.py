import pytest
from flask.testing import FlaskClient

from tests.kiosk.screen.screen_fixture import Face, opened


@pytest.fixture
def face() -> Face:
    return Face()


@pytest.fixture
def client(face: Face) -> FlaskClient:
    return opened(face.app)
