"""A new event for each messy file, as the server's tests have it."""

from tests.once.databases.slots import kept_databases as kept_databases
from tests.server.conftest import _template as _template
from tests.server.conftest import cheap_passwords as cheap_passwords
from tests.server.conftest import console as console
from tests.server.conftest import engine as engine
from tests.server.conftest import event as event
from tests.server.conftest import settings as settings
