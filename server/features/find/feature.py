from server.features.find import pages
from server.web.feature import Feature

FEATURE = Feature(pages=(pages.blueprint,))
