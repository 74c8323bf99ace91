"""What the tests of pages share besides: pages that they only read."""

from tests.server.web.reading.shown import kept_pages as kept_pages
from tests.server.web.reading.shown import shown as shown
