"""Uses of `sqlite3`, for the standard library's and the phone's: each gives a comparable result."""

from pathlib import Path
from typing import Any


def results(sqlite3: Any, directory: Path) -> dict[str, Any]:
    cases = {name: case for name, case in globals().items() if name.startswith("case_")}
    return {name: case(sqlite3, directory / f"{name}.db") for name, case in cases.items()}


def opened(sqlite3: Any, path: Path) -> Any:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b, c TEXT CHECK (c <> 'no')) STRICT"
                       .replace("b,", "b ANY,"))  # fmt: skip
    return connection


def error(sqlite3: Any, act: Any) -> list[Any]:
    try:
        act()
    except sqlite3.Error as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        return [kinds[: kinds.index("Error") + 1], str(error), error.sqlite_errorcode & 0xFF]
    return ["no error"]


def case_values(sqlite3: Any, path: Path) -> Any:
    connection = opened(sqlite3, path)
    values = [0, 1, -1, 2**31, -(2**31), 2**53 - 1, 2**53 + 1, 2**63 - 1, -(2**63), None, "",
              "text", "大厅 ☂ 🚪", "a\x00b", 1.5, True]  # fmt: skip
    for value in values:
        connection.execute("INSERT INTO t (b) VALUES (?)", (value,))
    blobs = [b"", b"\x00\xff", bytes(range(256)) * 20]
    for blob in (*blobs, bytearray(b"ab"), memoryview(b"cd")):
        connection.execute("INSERT INTO t (b) VALUES (?)", (blob,))
    rows = connection.execute("SELECT b FROM t ORDER BY a").fetchall()
    connection.close()
    return [[type(b).__name__, b.hex() if isinstance(b, bytes) else b] for (b,) in rows]


def case_rows(sqlite3: Any, path: Path) -> Any:
    connection = opened(sqlite3, path)
    connection.row_factory = sqlite3.Row
    connection.execute("INSERT INTO t VALUES (1, 2, 'x')")
    row = connection.execute("SELECT a, b AS other, c FROM t").fetchone()
    a, b, c = row
    result = [[a, b, c], row["other"], row[0], row[-1], row.keys(), len(row), dict(**row)]
    result.append(connection.execute("SELECT a FROM t WHERE a = 9").fetchone())
    connection.close()
    return result


def case_cursors(sqlite3: Any, path: Path) -> Any:
    connection = opened(sqlite3, path)
    cursor = connection.executemany(
        "INSERT INTO t (a, b) VALUES (?, ?)", ((n, n) for n in (1, 2, 3))
    )
    result: list[Any] = [cursor.rowcount]
    cursor = connection.execute("SELECT a FROM t ORDER BY a")
    result += [cursor.fetchone(), list(cursor), cursor.fetchone(), cursor.fetchall()]
    result.append(connection.execute("UPDATE t SET b = 9 WHERE a > 1").rowcount)
    result.append(connection.execute("DELETE FROM t WHERE a > 99").rowcount)
    result.append(connection.execute("SELECT count(*) FROM t").rowcount)
    result.append([tuple(row) for row in connection.execute("SELECT b FROM t ORDER BY a")])
    connection.close()
    return result


def case_transactions(sqlite3: Any, path: Path) -> Any:
    connection = opened(sqlite3, path)
    result: list[Any] = [connection.in_transaction]
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO t (a) VALUES (1)")
    result.append(connection.in_transaction)
    connection.execute("ROLLBACK")
    result += [connection.in_transaction, connection.execute("SELECT * FROM t").fetchall()]
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO t (a) VALUES (2)")
    connection.execute("COMMIT")
    connection.close()
    again = sqlite3.connect(path, isolation_level=None)
    result.append([tuple(row) for row in again.execute("SELECT a FROM t")])
    again.close()
    return result


def case_two_connections(sqlite3: Any, path: Path) -> Any:
    writer = opened(sqlite3, path)
    reader = sqlite3.connect(path, isolation_level=None)
    writer.execute("INSERT INTO t (a) VALUES (1)")
    before = reader.execute("SELECT count(*) FROM t").fetchone()
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO t (a) VALUES (2)")
    writer.execute("COMMIT")
    after = reader.execute("SELECT count(*) FROM t").fetchone()
    writer.close()
    reader.close()
    return [before, after]


def case_errors(sqlite3: Any, path: Path) -> Any:
    connection = opened(sqlite3, path)
    connection.execute("INSERT INTO t VALUES (1, 2, 'x')")

    def twice() -> None:
        connection.execute("INSERT INTO t (a) VALUES (1)")

    result = [
        error(sqlite3, twice),
        error(sqlite3, lambda: connection.execute("INSERT INTO t (c) VALUES ('no')")),
        error(sqlite3, lambda: connection.execute("INSERT INTO t (a) VALUES (?)", ("x",))),
        error(sqlite3, lambda: connection.execute("SELECT nothing FROM t")),
        error(sqlite3, lambda: connection.execute("SELEC 1")),
        error(sqlite3, lambda: connection.execute("COMMIT")),
        connection.execute("SELECT count(*) FROM t").fetchone(),
    ]
    connection.close()
    return result


def case_no_database(sqlite3: Any, path: Path) -> Any:
    """After the file is deleted, it is created anew."""
    connection = opened(sqlite3, path)
    connection.execute("INSERT INTO t (a) VALUES (1)")
    connection.close()
    path.unlink()
    connection = opened(sqlite3, path)
    rows = connection.execute("SELECT * FROM t").fetchall()
    connection.close()
    return [path.exists(), rows]


def case_settings(sqlite3: Any, path: Path) -> Any:
    connection = opened(sqlite3, path)
    for name, value in (("busy_timeout", 5000), ("synchronous", "FULL"), ("foreign_keys", "ON"),
                        ("cell_size_check", "ON"), ("trusted_schema", "OFF"), ("fullfsync", "ON"),
                        ("journal_mode", "TRUNCATE"), ("user_version", 7)):  # fmt: skip
        connection.execute(f"PRAGMA {name} = {value}")
    names = ("busy_timeout", "synchronous", "foreign_keys", "cell_size_check", "trusted_schema",
             "fullfsync", "journal_mode", "user_version", "quick_check(1)")  # fmt: skip
    result = [tuple(connection.execute(f"PRAGMA {name}").fetchone()) for name in names]
    connection.close()
    return result
