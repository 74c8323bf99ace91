"""That a template is compiled by one process, and read by the next."""

from pathlib import Path

import pytest
from flask import Flask
from jinja2 import Environment

from tests.once.pages import compiled


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    (tmp_path / "root").mkdir()
    return Flask(__name__, root_path=str(tmp_path / "root"))


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []
    plain = Environment.compile

    def note(environment: Environment, source: str, name: str, filename: str) -> object:
        made.append(source)
        return plain(environment, source, name, filename)

    monkeypatch.setattr(Environment, "compile", note)
    return made


def show(app: Flask, folder: Path | None, source: str = "{{ 1 + 1 }}") -> str:
    environment = app.jinja_env
    code = compiled._compiled(app, environment, "one.html", "one.html", source, folder)
    template = environment.template_class.from_code(environment, code, {})
    return template.render()


def test_what_one_process_compiled_another_reads(
    app: Flask, tmp_path: Path, compilations: list[str]
) -> None:
    assert show(app, tmp_path) == show(app, tmp_path) == "2"
    assert compilations == ["{{ 1 + 1 }}"]
    assert show(app, tmp_path, "{{ 1 + 2 }}") == "3"
    assert len(compilations) == 2


def test_without_a_folder_nothing_is_kept(
    app: Flask, tmp_path: Path, compilations: list[str]
) -> None:
    assert show(app, None) == show(app, None) == "2"
    assert len(compilations) == 2


def test_what_an_app_that_was_changed_compiles_is_compiled_anew(
    app: Flask, tmp_path: Path, compilations: list[str]
) -> None:
    source = "{% if true %}\none\n{% endif %}"
    assert show(app, tmp_path, source) == "\none\n"
    app.jinja_env.trim_blocks = True
    assert show(app, tmp_path, source) == "one\n"
    Path(app.root_path, "filters.py").write_text("# one more")
    compiled._rules.cache_clear()
    assert show(app, tmp_path, source) == "one\n"
    assert len(compilations) == 3
