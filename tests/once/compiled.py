"""Templates and routes that are compiled once for all tests: each app that a test makes would
compile its own, and that took most of the time of the tests of pages.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import BaseConverter, Rule
from werkzeug.routing.rules import RulePart


class Compiled(BytecodeCache):
    """Keeps what was compiled, in memory; Jinja looks whether the source is still the same."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


COMPILED = Compiled()


@pytest.fixture(scope="session", autouse=True)
def templates_are_compiled_once() -> Iterator[None]:
    plain = Flask.jinja_options
    Flask.jinja_options = {**plain, "bytecode_cache": COMPILED}
    yield
    Flask.jinja_options = plain


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
