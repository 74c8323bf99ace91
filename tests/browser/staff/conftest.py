"""The event that the server's tests share."""

from tests.server.conftest import _empty_event as _empty_event
from tests.server.conftest import cheap_passwords as cheap_passwords
from tests.server.conftest import database as database
from tests.server.conftest import engine as engine
from tests.server.conftest import event as event
from tests.server.conftest import settings as settings
from tests.server.conftest import site as site
from tests.server.conftest import templates as templates
from tests.server.conftest import venue_and_roster as venue_and_roster
