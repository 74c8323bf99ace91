"""Options, errors and files for the commands of `hallkeeper-badges`."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from badges.whole_text import encodable, whole_text

NUMBER_MAX = 2**53  # of ids and counts, as on the wire


class InputError(click.ClickException):
    """Raised for unusable input. Exit status 2, because 1 is for a refused badge."""

    exit_code = 2


class AbsolutePath(click.Path):
    """A path of a command, absolute from here on: what it names does not depend on who opens it.

    Flask looks for a relative one in its package, and a service may run in another directory.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(path_type=Path, **options)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        is_stream = self.allow_dash and str(path) == "-"
        return path if is_stream else path.absolute()


class WholeText(click.types.StringParamType):
    """A text of a command in NFC. Bytes that are no UTF-8 are refused: Python passes them as lone
    surrogates, which no database stores.
    """

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        text = super().convert(value, param, ctx)
        if encodable(text) != text:
            shown = encodable(text)
            self.fail(
                f"{shown!r} has letters that are no UTF-8. Type it in a terminal that uses UTF-8.",
                param,
                ctx,
            )
        return whole_text(text)


class WholeTexts(click.Group):
    """A group whose commands take each text as `WholeText` does."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        command = None if command is None else self.loaded(command)
        for parameter in [] if command is None else command.params:
            if isinstance(parameter.type, click.types.StringParamType):
                parameter.type = WholeText()
        return name, command, rest

    def loaded(self, command: click.Command) -> click.Command:
        """For groups that import a command only when it is called."""
        return command


def bit_list(bits: int, *, first: int) -> Callable[[click.Context, click.Parameter, str], int]:
    """Parse options such as `1-3,5`, `all` or `none` into a bit set. `first` is bit 0."""
    numbers = range(first, first + bits)

    def convert(ctx: click.Context, param: click.Parameter, text: str) -> int:
        if text in ("all", "none"):
            return (1 << bits) - 1 if text == "all" else 0
        bit_map = 0
        for part in text.split(","):
            span = _span(part)
            if span is None or not (span[0] in numbers and span[1] in numbers):
                how = f"give numbers from {numbers[0]} to {numbers[-1]}, as in 1-3,5."
                raise click.BadParameter(f"{text!r}: {how}", ctx, param)
            for number in range(span[0], span[1] + 1):
                bit_map |= 1 << number - first
        return bit_map

    return convert


def zone_bits(ctx: click.Context, param: click.Parameter, texts: tuple[str, ...]) -> dict[str, int]:
    """Parse options `code=group` into the bit of each zone code."""
    bits = {}
    for text in texts:
        match = re.fullmatch(r"([^=]{1,40})=([0-9]{1,2})", text)
        if match is None or int(match[2]) > 31 or match[1] in bits:
            raise click.BadParameter(
                f"{text!r}: give each zone once, as in EXPO=3, with a group from 0 to 31.",
                ctx,
                param,
            )
        bits[match[1]] = int(match[2])
    return bits


def _span(part: str) -> tuple[int, int] | None:
    match = re.fullmatch(r"([0-9]{1,2})(?:-([0-9]{1,2}))?", part)
    if match is None:
        return None
    low, high = int(match[1]), int(match[2] or match[1])
    return (low, high) if low <= high else None


def read_file(path: Path, bytes_max: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(bytes_max + 1)
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}.") from None


def write_file(path: Path, data: bytes) -> None:
    """Write atomically, readable only by the owner.

    Cards and codes are personal data. Raises InputError, with an earlier file unchanged.
    """
    try:
        # A pipe, for example, has no earlier content to replace.
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            _replace(path.resolve(), data)
    except OSError as error:
        raise InputError(f"{path} can't be written: {error.strerror}.") from None


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        # also for Ctrl-C
        part.unlink(missing_ok=True)
        raise


def write_new(files: Mapping[Path, tuple[bytes, int]]) -> None:
    """Create all files (content, mode) or none. Existing keys are never overwritten."""
    created: list[Path] = []
    try:
        for path, (data, mode) in files.items():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            created.append(path)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        for path in created:
            path.unlink()
        if isinstance(error, FileExistsError):
            raise InputError(f"{error.filename} exists; keys are never written over.") from None
        place = error.filename or "A key file"
        raise InputError(f"{place} can't be written: {error.strerror}.") from None
