from flask import render_template, request

from server.core.programme import speakers
from server.web import auth
from server.web.lists import PAGE_ROWS, ROLES, SPEAKER_ROLES, page_asked
from server.web.services import services


@auth.allow(*ROLES)
def search() -> str:
    role = request.args.get("role", "")
    role = role if role in SPEAKER_ROLES else ""
    page = page_asked()
    results, total = speakers.find_contributions(
        services().database.reader, role or None, PAGE_ROWS, page.offset
    )
    return render_template(
        "programme/speakers.html",
        found=results,
        total=total,
        page=page,
        role=role,
        roles=SPEAKER_ROLES,
    )
