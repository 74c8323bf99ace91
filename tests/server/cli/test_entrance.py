"""Arguments of commands are whole: texts in NFC, numbers that a database can store."""

import os
from collections.abc import Iterator
from contextlib import nullcontext
from importlib.metadata import distribution

import click
import pytest

from badges.cli.console import WholeText
from tests.server.support.console import Console

NO_UTF_8 = os.fsdecode(b"Jos\xe9")  # as Python gets such bytes of a command line


def all_parameters() -> Iterator[tuple[str, click.Parameter]]:
    """Yield those of each program that is installed."""
    programs = distribution("hallkeeper").entry_points.select(group="console_scripts")
    assert len(programs) == 3
    for program in programs:
        yield from parameters(program.load(), f"{program.name} ")


def parameters(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Parameter]]:
    """Yield each parameter of each command, as the program finds the command."""
    for name in group.commands:
        _, command, _ = group.resolve_command(click.Context(group), [name])
        assert command is not None
        if isinstance(command, click.Group):
            yield from parameters(command, f"{path}{name} ")
        else:
            yield from ((f"{path}{name} {item.name}", item) for item in command.params)


def test_every_text_of_a_command_is_made_whole() -> None:
    texts = [
        (place, item)
        for place, item in all_parameters()
        if isinstance(item.type, click.types.StringParamType)
    ]
    assert len(texts) > 50
    assert not [place for place, item in texts if not is_whole(item)]


def is_whole(item: click.Parameter) -> bool:
    """Whether the parameter composes letters, and refuses what is no UTF-8."""
    with pytest.raises(click.BadParameter) if isinstance(item.type, WholeText) else nullcontext():
        item.type.convert(NO_UTF_8, item, None)
        return False
    return item.type.convert("Jose\u0301", item, None) == "José"


# The rules of the event's settings bound these, and serve listens on no such port.
OF_SETTINGS = {"hallkeeper init days", "hallkeeper init port", "hallkeeper serve port"}


def test_every_number_of_a_command_has_bounds() -> None:
    faults, count = [], 0
    for place, item in all_parameters():
        if isinstance(item.type, click.types.IntParamType) and place not in OF_SETTINGS:
            count += 1
            for number in (2**63, -(2**63) - 1):
                try:
                    item.type.convert(str(number), item, None)
                    faults.append(place)
                except click.BadParameter:
                    pass
    assert count > 5
    assert not faults


def test_a_user_is_one_user_however_the_name_is_typed(console: Console) -> None:
    console("user", "add", "Jose\u0301", "--role", "badge_desk")
    assert ("José",) in console.rows("SELECT name FROM staff_user")


@pytest.mark.parametrize("name", [NO_UTF_8, "a" + NO_UTF_8])
def test_what_is_no_utf_8_is_refused_with_a_remedy(console: Console, name: str) -> None:
    before = console.rows("SELECT * FROM staff_user")
    result = console("user", "add", name, "--role", "badge_desk", status=2)
    assert "letters that are no UTF-8. Type it in a terminal" in result.output
    assert console.rows("SELECT * FROM staff_user") == before
