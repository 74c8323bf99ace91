"""The container's compose file, and the refusals of its build."""

import json
import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.tools import needs

ROOT = Path(__file__).parents[2]
CONTAINER = ROOT / "packaging/container"
COMPOSE = CONTAINER / "compose.yaml"
LOCKS = ROOT / "packaging/locks"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


@pytest.fixture
def services() -> dict:
    return yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]


@pytest.mark.parametrize("name", ["server", "database", "backup"])
def test_a_service_has_few_rights(services: dict, name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["healthcheck"]["test"]
    assert "privileged" not in service
    assert "cap_add" not in service


def test_no_secret_is_in_the_environment(services: dict) -> None:
    environments = [service.get("environment", {}) for service in services.values()]
    names = {name for environment in environments for name in environment}
    assert not any("PASSWORD" in name or "SECRET" in name or "KEY" in name for name in names)


def test_the_database_is_reached_by_its_socket_alone(services: dict) -> None:
    database, server = services["database"], services["server"]
    assert database["network_mode"] == "none"
    assert "ports" not in database
    assert services["backup"]["network_mode"] == "none"
    assert database["command"] == ["postgres", "-c", "listen_addresses="]
    assert "socket:/var/run/postgresql" in database["volumes"]
    assert "socket:/run/postgresql" in server["volumes"]


def test_the_image_is_of_this_version(services: dict) -> None:
    assert services["server"]["image"] == f"hallkeeper:${{HALLKEEPER_VERSION:-{VERSION}}}"


@needs("docker-compose")
def test_compose_accepts_the_file_and_a_second_disk() -> None:
    command = ["docker-compose", "--file", str(COMPOSE), "config", "--format", "json"]
    environment = os.environ | {"BACKUP": "/mnt/second/forum"}
    shown = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    volumes = json.loads(shown.stdout)["services"]["server"]["volumes"]
    assert [
        (volume["type"], volume["source"], volume["target"])
        for volume in volumes
        if volume["target"] == "/backup"
    ] == [("bind", "/mnt/second/forum", "/backup")]


def test_old_backups_make_room(services: dict, tmp_path: Path) -> None:
    """The newest twelve stay, and the last of each day before."""
    days = [f"2026050{day}-{hour:02}0000Z" for day in (1, 2, 3) for hour in range(10)]
    for name in days:
        (tmp_path / name).mkdir()
    (script,) = services["backup"]["command"]
    (prune,) = (line for line in script.splitlines() if "head -n -12" in line)
    subprocess.run(["sh", "-ec", prune.replace("$$", "$")], cwd=tmp_path, check=True)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [days[9], days[17], *days[18:]]


def test_a_half_backup_is_not_healthy(services: dict, tmp_path: Path) -> None:
    """As on a full disk, where each try ends in the middle of the dump."""
    (_, check) = services["backup"]["healthcheck"]["test"]
    command = ["sh", "-c", check.replace("/backup", str(tmp_path))]
    making = tmp_path / "making"
    making.mkdir()
    (making / "forum.dump").touch()
    assert subprocess.run(command, check=False).returncode != 0
    making.rename(tmp_path / "20260504-020000Z")
    subprocess.run(command, check=True)


def refusal(*words: object, **environment: str) -> tuple[int, str]:
    """Return the status and the message of a build that must not begin."""
    command = [str(CONTAINER / "build"), *map(str, words)]
    result = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
    return result.returncode, result.stderr


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / f"hallkeeper-{VERSION}-py3-none-any.whl"
    path.touch()
    return path


def test_the_build_names_its_arguments(wheel: Path) -> None:
    status, message = refusal(wheel)
    assert status == 2
    assert "usage:" in message
    assert "WHEEL LOCKDIR OUTDIR" in message


def test_the_build_refuses_another_file(tmp_path: Path) -> None:
    other = tmp_path / "flask-3.1.3-py3-none-any.whl"
    other.touch()
    status, message = refusal(other, LOCKS, tmp_path / "out")
    assert status == 2
    assert "flask-3.1.3-py3-none-any.whl is not a wheel of Hallkeeper" in message
    assert not (tmp_path / "out").exists()


def test_the_build_refuses_an_unknown_processor(wheel: Path, tmp_path: Path) -> None:
    status, message = refusal(wheel, LOCKS, tmp_path / "out", ARCH="mips")
    assert status == 2
    assert "ARCH is amd64 or arm64, not mips" in message


def test_the_build_names_a_missing_tool(wheel: Path, tmp_path: Path) -> None:
    commands = tmp_path / "bin"
    commands.mkdir()
    for name in ("bash", "date", "dirname", "dpkg", "env", "git", "realpath", "sed"):
        (commands / name).symlink_to(shutil.which(name) or "/missing")
    status, message = refusal(
        wheel, LOCKS, tmp_path / "out", PATH=str(commands), ARCH="amd64", SOURCE_DATE_EPOCH="0"
    )
    assert status == 1
    assert "there is no mmdebstrap (apt-get install mmdebstrap umoci jq)" in message
