"""Signs a user in without a page and without rate limits."""

import os

from server.core.staff import users
from server.core.staff.users import User
from server.storage.database import Database


def sign_in(database: Database, name: str, password: str, *, now: int) -> tuple[User, str]:
    """Return the user and the token of the new session. Raises SignInError."""
    user = users.verify(database, name, password)
    account, token = users.stored(database, name), os.urandom(users.TOKEN_BYTES).hex()
    assert account is not None
    kept = users.renewed(account, password)
    database.write(lambda db: users.open_session(db, account, kept, token, now))
    return user, token
