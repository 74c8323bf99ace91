"""A new event for each messy file, from the server's fixtures."""

from tests.server.conftest import _empty_event as _empty_event
from tests.server.conftest import cheap_passwords as cheap_passwords
from tests.server.conftest import console as console
from tests.server.conftest import engine as engine
from tests.server.conftest import event as event
from tests.server.conftest import settings as settings
from tests.server.conftest import templates as templates
