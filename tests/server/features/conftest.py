"""Fixtures of pages: pages that a test only reads, and files read in this process."""

from tests.server.support.page_fixtures import _apart_is_here as _apart_is_here
from tests.server.support.page_fixtures import admin as admin
from tests.server.support.page_fixtures import kept_pages as kept_pages
from tests.server.support.page_fixtures import pages as pages
from tests.server.support.page_fixtures import shown as shown
