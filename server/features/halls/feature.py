from server.features.halls import pages as halls
from server.web.feature import Feature

FEATURE = Feature(pages=(halls.blueprint,), undoable=("admin.halls",))
