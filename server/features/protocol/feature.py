from server.features.protocol import arrivals, badge
from server.web.feature import Feature

FEATURE = Feature(
    pages=(arrivals.blueprint,),
    header=badge.header,
    header_parts=badge.parts,
)
