"""What a step does outside the database happens after its commit, or not at all."""

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from server.storage import durable_files, effects, files_to_delete
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.disk import DiskError
from server.storage.effects import EffectError
from tests.server.storage.test_database_edges import numbers, together
from tests.server.support.disks.full_commit import full_at_commit

__all__ = ["numbers"]  # a fixture


def insert(number: int) -> Callable[[Connection], None]:
    return lambda db: db.execute("INSERT INTO n VALUES (?)", (number,)) and None


def count(database: Database) -> int:
    with database.reading() as db:
        return db.execute("SELECT COUNT(*) FROM n").fetchone()[0]


def test_an_effect_comes_after_the_commit_and_before_the_result(numbers: Database) -> None:
    seen = []

    def step(db: Connection) -> None:
        insert(1)(db)
        effects.after_commit(db, lambda: seen.append((count(numbers), threading.current_thread())))
        assert seen == []

    numbers.write(step)
    ((rows, thread),) = seen
    assert rows == 1
    assert thread is not threading.current_thread()


def test_effects_follow_the_order_of_the_steps(numbers: Database) -> None:
    done: list[int] = []

    def step(number: int) -> Callable[[Connection], None]:
        def run(db: Connection) -> None:
            insert(number)(db)
            for effect in (number, -number):
                effects.after_commit(db, lambda effect=effect: done.append(effect))

        return run

    together(numbers, step(1), step(2), step(3))
    assert done == [1, -1, 2, -2, 3, -3]


def test_a_step_that_fails_has_no_effect_beside_one_that_succeeds(numbers: Database) -> None:
    done: list[str] = []

    def fails(db: Connection) -> None:
        effects.after_commit(db, lambda: done.append("done"), undo=lambda: done.append("undone"))
        raise ValueError

    def succeeds(db: Connection) -> None:
        insert(1)(db)
        effects.after_commit(db, lambda: done.append("other"))

    failed, _ = together(numbers, fails, succeeds)
    assert isinstance(failed.exception(), ValueError)
    assert done == ["undone", "other"]


def test_a_check_that_refuses_the_step_undoes_its_effects(numbers: Database) -> None:
    done: list[str] = []

    def refuse(db: Connection) -> None:
        raise OSError(28, "No space left on device")

    numbers.check_steps(refuse)
    with pytest.raises(DiskError):
        numbers.write(
            lambda db: effects.after_commit(
                db, lambda: done.append("done"), undo=lambda: done.append("undone")
            )
        )
    assert done == ["undone"]


@pytest.mark.sqlite_alone
def test_a_commit_that_fails_undoes_them(numbers: Database, tmp_path: Path) -> None:
    old, other = tmp_path / "old", tmp_path / "other"
    old.write_bytes(b"old")
    other.write_bytes(b"other")

    def step(db: Connection) -> None:
        insert(1)(db)
        durable_files.replace_after_commit(db, old, b"new")
        files_to_delete.delete_after_commit(db, other)

    numbers.write(lambda db: db.execute(
        "CREATE TABLE file_to_delete (directory BLOB, version TEXT,"
        " PRIMARY KEY (directory, version))") and None)  # fmt: skip
    with full_at_commit(numbers), pytest.raises(DiskError):
        numbers.write(step)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir() if "db" not in path.name}
    assert files == {"old": b"old", "other": b"other"}
    assert count(numbers) == 0
    numbers.write(step)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir() if "db" not in path.name}
    assert files == {"old": b"new"}


def test_an_effect_that_fails_is_told_to_its_caller_alone(
    numbers: Database, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[int] = []

    def fail() -> None:
        raise PermissionError("Wilhelmina.jpg")

    def step(db: Connection) -> None:
        insert(1)(db)
        effects.after_commit(db, fail)
        effects.after_commit(db, lambda: done.append(1))

    caplog.set_level(logging.ERROR)
    failed, other = together(numbers, step, insert(2))
    assert isinstance(failed.exception(), EffectError)
    assert other.exception() is None
    assert done == [1]
    assert count(numbers) == 2
    assert "Wilhelmina" not in caplog.text
    assert "an effect of a commit failed: PermissionError" in caplog.text


def test_a_caller_whose_effect_failed_has_written(numbers: Database) -> None:
    """So the page of the error does not say that nothing was changed."""
    numbers.has_written()

    def step(db: Connection) -> None:
        effects.after_commit(db, lambda: 1 / 0)

    with pytest.raises(EffectError):
        numbers.write(step)
    assert numbers.has_written()


def test_outside_a_step_there_are_none(numbers: Database) -> None:
    kept: list[Connection] = []
    numbers.write(kept.append)
    with pytest.raises(RuntimeError):
        effects.after_commit(kept[0], lambda: None)


def test_what_a_process_that_died_left_over_goes_with_the_next_change(tmp_path: Path) -> None:
    path, other = tmp_path / "wallet[1].key", tmp_path / "wallet1.key"
    left, in_use = durable_files.prepare(path, b"old key"), durable_files.prepare(path, b"new key")
    of_another = durable_files.prepare(other, b"another")
    for old in (left, of_another):
        os.utime(old, (0, 0))
    durable_files.write_whole(path, b"key")
    assert sorted(tmp_path.iterdir()) == sorted([path, in_use, of_another])
    assert path.read_bytes() == b"key"


class TestFilesToDelete:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "photo.jpg"
        path.write_bytes(b"photo")
        return path

    def test_a_server_that_dies_after_the_commit(
        self, database: Database, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(effects, "run", lambda _: None)
            database.write(lambda db: files_to_delete.delete_after_commit(db, file))
        assert file.exists()
        assert files_to_delete.sweep(database) == []
        assert not file.exists()
        assert noted(database) == 0

    def test_a_file_that_came_in_its_place_stays(self, database: Database, file: Path) -> None:
        database.write(lambda db: files_to_delete.delete_after_commit(db, file))
        assert not file.exists()
        file.with_name("new").write_bytes(b"another")
        file.with_name("new").rename(file)
        assert files_to_delete.sweep(database) == []
        assert file.read_bytes() == b"another"
        assert noted(database) == 0

    def test_a_disk_that_is_away_is_looked_at_when_it_is_back(
        self, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        disk, away = tmp_path / "disk", tmp_path / "away"
        disk.mkdir()
        file = disk / "photo.jpg"
        file.write_bytes(b"photo")
        with monkeypatch.context() as patch:
            patch.setattr(effects, "run", lambda _: None)
            database.write(lambda db: files_to_delete.delete_after_commit(db, file))
        disk.rename(away)
        assert files_to_delete.sweep(database) == []
        away.rename(disk)
        files_to_delete.sweep(database)
        assert not file.exists()
        assert noted(database) == 0

    def test_one_that_cannot_be_deleted_is_tried_again(
        self, database: Database, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(path: Path, *, missing_ok: bool = False) -> None:
            raise PermissionError

        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", refuse)
            database.write(lambda db: files_to_delete.delete_after_commit(db, file))
            assert files_to_delete.sweep(database) == [file.parent]
        assert noted(database) == 1
        assert files_to_delete.sweep(database) == []
        assert not file.exists()


def noted(database: Database) -> int:
    with database.reading() as db:
        return db.execute("SELECT COUNT(*) FROM file_to_delete").fetchone()[0]
