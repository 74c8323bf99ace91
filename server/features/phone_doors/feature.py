from server.features.phone_doors import files
from server.web.feature import Feature

FEATURE = Feature(others=(files.blueprint,))
