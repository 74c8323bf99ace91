from flask import render_template, request

from server.core.programme import exhibition
from server.core.venue import store
from server.web import auth, display
from server.web.lists import PAGE_ROWS, ROLES, page_asked
from server.web.services import services


@auth.allow(*ROLES)
def show() -> str:
    db = services().database.reader
    areas = exhibition.areas(db)
    chosen = next((area for area in areas if area.code == request.args.get("area")), None)
    page = page_asked()
    stands = exhibition.stands(
        db, chosen.area_id if chosen else None, limit=PAGE_ROWS, offset=page.offset
    )
    return render_template(
        "programme/exhibition.html",
        areas=areas,
        area_names={area.code: area.names for area in areas},
        chosen=chosen,
        stands=stands,
        total=chosen.stands if chosen else sum(area.stands for area in areas),
        page=page,
        exhibitors=exhibition.exhibitor_count(db),
        hall_names={hall.hall_id: hall.names for hall in store.halls(db)},
        country_name=display.country,
    )
