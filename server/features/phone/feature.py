from server.features.phone import pages, receipts
from server.web.feature import Feature

FEATURE = Feature(others=(pages.blueprint, receipts.blueprint))
