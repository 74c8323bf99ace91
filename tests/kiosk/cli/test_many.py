"""`hallkeeper-kiosk many`: what it makes of its orders. The demo's test runs whole doors."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.cli.main import main
from tests.kiosk.support.door_fixture import enrolled


def run(*orders: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["many"], input="".join(f"{order}\n" for order in orders))
    return result.exit_code, result.output


def opened(directory: Path) -> str:
    return json.dumps({"type": "open", "door": "A", "dir": str(directory), "code": "HKE1.x"})


@pytest.mark.parametrize(
    ("order", "problem"),
    [
        ("{half", "line 1: "),
        ('{"type": "close", "door": "A"}', "line 1: Invalid value 'close'"),
        ('{"type": "present", "door": "A"}', "line 1: Object missing required field `text`"),
        ('{"type": "present", "door": "A", "text": "x"}', "line 1: no door A was opened"),
    ],
)
def test_a_spoilt_order_names_its_line(order: str, problem: str) -> None:
    status, output = run(order)
    assert status == 1
    assert problem in output


def test_a_code_that_is_none_is_an_error_of_its_door(tmp_path: Path) -> None:
    status, output = run(opened(tmp_path / "new"))
    assert status == 0
    assert json.loads(output)["door"] == "A"
    assert "error" in json.loads(output)


def test_a_door_opens_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.cli.many.FACTS_WAIT_S", 0.0)
    enrolled(tmp_path / "a")
    status, output = run(opened(tmp_path / "a"), opened(tmp_path / "a"))
    assert status == 1
    assert "line 2: door A is open already" in output
