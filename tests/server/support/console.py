"""`hallkeeper` as the tests type it."""

from contextlib import closing
from pathlib import Path

from click.testing import CliRunner, Result

from server.cli.main import main
from server.core.event.directory import Event
from server.storage.opening import connect


class Console:
    """`hallkeeper` with one event, and files beside it."""

    def __init__(self, path: Path, event: Event) -> None:
        self.path = path
        self.event = event

    def __call__(self, *arguments: str, typed: str | None = None, status: int = 0) -> Result:
        environment = {"HALLKEEPER_EVENT_DIR": str(self.event.path)}
        result = CliRunner().invoke(main, arguments, input=typed, env=environment)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == status, result.output
        return result

    def file(self, name: str, data: str | bytes) -> str:
        file = self.path / name
        file.write_bytes(data.encode() if isinstance(data, str) else data)
        return str(file)

    def rows(self, query: str) -> list[tuple]:
        with closing(connect(self.event.database_path)) as connection:
            return [tuple(row) for row in connection.execute(query)]

    @property
    def people(self) -> int:
        return self.rows("SELECT COUNT(*) FROM attendee")[0][0]
