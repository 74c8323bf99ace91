"""What is made once for all random events, as the server's and the kiosk's tests have it."""

from tests.once.journals import new_journals_are_copied as new_journals_are_copied
from tests.once.pages.apps import apps_are_made_once as apps_are_made_once
from tests.once.pages.compiled import routes_are_compiled_once as routes_are_compiled_once
from tests.once.schema import new_tables_are_copied as new_tables_are_copied
