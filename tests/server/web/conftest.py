"""What the tests of pages share besides: pages that they only read, and what routes are compiled
to.
"""

from tests.once.pages.compiled import routes_are_compiled_once as routes_are_compiled_once
from tests.server.web.reading.shown import kept_pages as kept_pages
from tests.server.web.reading.shown import shown as shown
