"""Templates and routes that are compiled once for all tests: each app that a test makes would
compile its own, and that took most of the time of the tests of pages.

What a template is compiled to is also kept in pytest's cache for the next run, as large tables are
(tests/once/tables.py).
"""

import hashlib
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from flask import Flask
from flask.templating import DispatchingJinjaLoader
from jinja2 import Environment, FileSystemBytecodeCache, Template
from werkzeug.routing import BaseConverter, Rule
from werkzeug.routing.rules import RulePart

from tests.order.forks import is_worker


@pytest.fixture(scope="session", autouse=True)
def templates_are_compiled_once(pytestconfig: pytest.Config, tables: Path) -> Iterator[None]:
    """Keep what each template of an app is compiled to. No test writes one of these."""
    folder = tables if is_worker(pytestconfig) else None
    kept: dict[tuple[Any, ...], tuple[CodeType, Any]] = {}
    plain = DispatchingJinjaLoader.load

    def load(
        loader: DispatchingJinjaLoader,
        environment: Environment,
        name: str,
        globals: MutableMapping[str, Any] | None = None,
    ) -> Template:
        app = loader.app
        if any(blueprint.jinja_loader for blueprint in app.blueprints.values()):
            return plain(loader, environment, name, globals)
        blocks = environment.trim_blocks, environment.lstrip_blocks
        key = (app.import_name, app.root_path, app.template_folder, *blocks, name)
        if key not in kept:
            source, filename, up_to_date = loader.get_source(environment, name)
            code = _compiled(app, environment, name, filename or name, source, folder)
            kept[key] = (code, up_to_date)
        code, up_to_date = kept[key]
        values = {} if globals is None else globals
        return environment.template_class.from_code(environment, code, values, up_to_date)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DispatchingJinjaLoader, "load", load, raising=False)
        yield


def _compiled(
    app: Flask, environment: Environment, name: str, filename: str, source: str, folder: Path | None
) -> CodeType:
    """Compile a template, or read from `folder` what another process compiled it to."""
    if folder is None:
        return environment.compile(source, name, filename)
    found = Compiled(folder, app.root_path, environment)
    bucket = found.get_bucket(environment, name, filename, source)
    if bucket.code is None:
        bucket.code = environment.compile(source, name, filename)
        found.set_bucket(bucket)
    return bucket.code


class Compiled(FileSystemBytecodeCache):
    """Templates of one app in a folder. One whose text was changed, or whose app, is compiled
    anew.
    """

    def __init__(self, folder: Path, root: str, environment: Environment) -> None:
        super().__init__(str(folder), "template-%s")
        blocks = environment.trim_blocks, environment.lstrip_blocks
        self._rules = f"{_rules(root)} {blocks} {sorted(environment.extensions)}"

    def get_source_checksum(self, source: str) -> str:
        return hashlib.sha256(f"{self._rules} {source}".encode()).hexdigest()


@cache
def _rules(root: str) -> str:
    """What templates depend on besides: the libraries, and the modules that set up the app with its
    filters.
    """
    modules = b"".join(one.read_bytes() for one in sorted(Path(root).glob("*.py")))
    libraries = [version(one) for one in ("flask", "flask-babel", "jinja2", "markupsafe")]
    return f"{libraries} {hashlib.sha256(modules).hexdigest()}"


@dataclass(frozen=True)
class Route:
    """What a route is compiled to. Nothing of it changes afterwards, whichever app it is of."""

    parts: list[RulePart]
    trace: list[tuple[bool, str]]
    converters: dict[str, BaseConverter]
    arguments: frozenset[str]
    builders: tuple[Callable[..., tuple[str, str]], Callable[..., tuple[str, str]]]


@pytest.fixture(scope="session", autouse=True)
def routes_are_compiled_once() -> Iterator[None]:
    """Keep what each route is compiled to. The functions that build its address are given the route
    when they are called.
    """
    plain = Rule.compile
    kept: dict[tuple[Any, ...], Route] = {}

    def compiled(rule: Rule) -> None:
        if rule.defaults or rule.subdomain or rule.map.host_matching:
            plain(rule)
            return
        key = (rule.rule, rule.merge_slashes, *rule.map.converters.items())
        if (route := kept.get(key)) is None:
            plain(rule)
            kept[key] = Route(
                rule._parts,
                rule._trace,
                rule._converters,
                frozenset(rule.arguments),
                (rule._build.__func__, rule._build_unknown.__func__),
            )
            return
        rule._parts, rule._trace = route.parts, route.trace
        rule._converters = route.converters
        rule.arguments |= route.arguments
        rule._build, rule._build_unknown = (one.__get__(rule) for one in route.builders)

    Rule.compile = compiled
    yield
    Rule.compile = plain
