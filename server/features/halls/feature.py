from server.features.halls import pages as halls
from server.features.halls import screen
from server.features.halls.find import FINDERS
from server.web.feature import Feature

FEATURE = Feature(
    finders=FINDERS,
    pages=(halls.blueprint,),
    others=(screen.blueprint,),
    sections={"admin.halls": "admin.overview"},
    undoable=("admin.halls",),
)
