"""Whose account listens at a loopback port, as Linux tells it in /proc/net.

A stranger is any account but one's own and root, which has all rights anyway.
"""

import os
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc/net")
LISTENING = "0A"
# Addresses that take connections to 127.0.0.1, as the tables write them on computers that store the
# lowest byte first: 127.0.0.1 and all addresses; in IPv6 all addresses, and 127.0.0.1 mapped.
TABLES = {
    "tcp": {"0100007F", "00000000"},
    "tcp6": {"0" * 32, "0" * 16 + "FFFF0000" + "0100007F"},
}


def stranger_at(port: int, own: int | None = None, proc: Path = PROC) -> int | None:
    """The user id of a stranger who listens at the port of 127.0.0.1, else None.

    `own` is the account that may listen, by default the process's. None also without such tables,
    as outside Linux.
    """
    if not proc.exists():
        return None
    allowed = {0, os.getuid() if own is None else own}
    return next((user for user in _listeners(port, proc) if user not in allowed), None)


def name_of(user: int) -> str:
    """The account's name with its id, for people."""
    import pwd  # not on Windows

    try:
        return f"{pwd.getpwuid(user).pw_name} (user id {user})"
    except KeyError:
        return f"user id {user}"


def _listeners(port: int, proc: Path) -> Iterator[int]:
    for table, addresses in TABLES.items():
        try:
            lines = (proc / table).read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            _, local, _, state, _, _, _, user, *_ = line.split()
            address, _, port_digits = local.partition(":")
            if state == LISTENING and address in addresses and int(port_digits, 16) == port:
                yield int(user)
