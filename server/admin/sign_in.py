"""Signing in and out. Guesses are counted by name and by address; successes cost nothing."""

import hashlib

from flask import (
    Blueprint,
    Response,
    current_app,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from server import accounts, auth
from server.security import limiter
from server.services import services

blueprint = Blueprint("sign_in", __name__, url_prefix="/admin")
REFUSED = 401


def _refused(response: Response) -> bool:
    return response.status_code == REFUSED


def _name_key() -> str:
    name = request.form.get("name", "").strip().casefold()
    return hashlib.sha256(name.encode()).hexdigest()


def _name_and_address_key() -> str:
    return f"{request.remote_addr} {_name_key()}"


@blueprint.get("/sign-in")
@auth.allow_everybody
def form() -> str | AnyResponse:
    if auth.user() is not None:
        return redirect(url_for("admin.home"))
    return render_template("sign_in.html", problem="", name="")


@blueprint.post("/sign-in")
@limiter.limit("10 per 5 minutes", key_func=_name_and_address_key, deduct_when=_refused)
@limiter.limit("100 per 5 minutes", key_func=_name_key, deduct_when=_refused)
@limiter.limit("60 per 5 minutes", deduct_when=_refused)
@auth.allow_everybody
def enter() -> AnyResponse:
    name = request.form.get("name", "")
    here = services()
    try:
        _, token = accounts.sign_in(
            here.database, name, request.form.get("password", ""), now=here.now()
        )
    except accounts.SignInError:
        current_app.logger.warning("a sign-in was refused")
        problem = "Name and password do not match an account here."
        page = render_template("sign_in.html", problem=problem, name=name[:60])
        return Response(page, REFUSED)
    session.clear()  # a new form token for a new session
    response = redirect(_own_page(request.args.get("next", "")), 303)
    auth.keep_session(response, token)
    return response


@blueprint.post("/sign-out")
@auth.allow_everybody
def leave() -> AnyResponse:
    token = request.cookies.get(auth.COOKIE, "")
    if token:
        services().database.write(lambda db: accounts.sign_out(db, token))
    session.clear()
    response = redirect(url_for("admin.sign_in.form"), 303)
    auth.drop_session(response)
    return response


def _own_page(target: str) -> str:
    """`target` if it is a page of ours: never another site's address."""
    if target.startswith("/admin/") and "\\" not in target and target.isprintable():
        return target
    return url_for("admin.home")
