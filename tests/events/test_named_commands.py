"""Commands that pages name in a sentence, or that no test runs, are commands of the programs."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from kiosk.cli.main import main as kiosk
from server.cli.main import main as hallkeeper
from tests.events.blocks import COMMANDS, PAGES, blocks_of

PROGRAMS: dict[str, click.Group] = {"hallkeeper": hallkeeper, "hallkeeper-kiosk": kiosk}
INLINE = re.compile(r"`([^`\n]+)`")
# Perhaps as another user or in a container, and with options and words up to a comment or a pipe.
COMMAND = re.compile(
    r"(?:sudo -u \S+ |docker exec \S+ )?(?:\S*/)?(hallkeeper(?:-kiosk)?) ([\w-][^&|;>#]*)"
)


def named(path: Path) -> Iterator[str]:
    """Yield the command of each line that has one."""
    for block in blocks_of(path):
        if block.language == COMMANDS:
            yield from block.commands()
    yield from INLINE.findall(re.sub(r"(?s)```.*?```", "", path.read_text("utf-8")))


def unknown(program: str, words: list[str]) -> str:
    """Return the first of these words that the program does not know; "" if it knows all."""
    command: click.Command = PROGRAMS[program]
    context = click.Context(command)
    for word in words:
        if isinstance(command, click.Group) and not word.startswith("-"):
            try:
                _, found, _ = command.resolve_command(context, [word])
            except click.UsageError:
                return word
            assert found is not None
            command = found
            context = click.Context(command, parent=context, **command.context_settings)
        elif word.startswith("-") and not context.ignore_unknown_options:
            options = [*command.get_params(context)]
            if all(word not in [*option.opts, *option.secondary_opts] for option in options):
                return word
    return ""


@pytest.mark.parametrize("word", ["no-such-command", "status --no-such-option"])
def test_an_unknown_word_is_found(word: str) -> None:
    assert unknown("hallkeeper", word.split())


def test_named_commands_exist() -> None:
    wrong = []
    count = 0
    for path in PAGES:
        for line in named(path):
            if command := COMMAND.match(line):
                count += 1
                if word := unknown(command[1], command[2].split()):
                    wrong.append(f"{path.name}: {line}: {word}")
    assert count > 100
    assert wrong == []
