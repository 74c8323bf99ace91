"""Signs staff in and out. Attempts are counted before passwords are checked (`signing_in`)."""

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from server.core.event.calendar import span
from server.core.staff import signing_in, users
from server.core.staff.guesses import WaitError
from server.core.staff.lane import BusyError
from server.web import auth
from server.web.callers import caller
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("sign_in", __name__, url_prefix="/admin")
REFUSED = 401


@blueprint.get("/sign-in")
@auth.allow_everybody
def form() -> AnyResponse:
    if auth.user() is not None:
        return redirect(url_for("admin.home"))
    return sign_in_page("", 200)


@blueprint.post("/sign-in")
@auth.allow_everybody
def enter() -> AnyResponse:
    here = services()
    name, now = request.form.get("name", ""), here.now()
    attempt = signing_in.Attempt(
        name,
        request.form.get("password", ""),
        caller(),
        device=auth.device(),
        session=auth.token(),
    )
    try:
        done = signing_in.sign_in(
            here.database,
            here.guesses,
            attempt,
            now=now,
            with_factor=frozenset(here.event.settings.second_factor_roles),
        )
    except users.SignInError:
        current_app.logger.warning("a sign-in was refused")
        return sign_in_page(_("Name and password do not match an account here."), REFUSED)
    except WaitError as error:
        wait_ms = max(1000, error.until - now)
        answer = sign_in_page(
            _(
                "Too many attempts. Try again in %(span)s. If the attempts were not yours, use "
                "the browser that you signed in with before, or ask another admin to unlock "
                "you.",
                span=span(wait_ms),
            ),
            429,
        )
        answer.headers["Retry-After"] = str(-(-wait_ms // 1000))
        return answer
    except BusyError:
        abort(503)
    session.clear()  # The new session gets a new form token.
    response = auth.go_on(own_page(request.args.get("next", "")), done.token)
    if done.device:
        auth.keep_device(response, done.device)
    return response


@blueprint.post("/sign-out")
@auth.allow_everybody
def leave() -> AnyResponse:
    token, user = auth.token(), auth.user()
    if token:
        here = services()
        here.database.write(lambda db: users.leave(db, token, user, now=here.now()))
    session.clear()
    response = redirect(url_for("admin.sign_in.form"), 303)
    auth.drop_session(response)
    # The back button must not show the pages again.
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def own_page(target: str) -> str:
    """Return `target` if it is ours, else the home page. Prevents open redirects."""
    if target.startswith("/admin/") and "\\" not in target and target.isprintable():
        return target
    return url_for("admin.home")


def sign_in_page(problem: str, status: int) -> Response:
    provider = services().sign_on
    text = render_template(
        "sign_in.html",
        problem=problem,
        name=request.form.get("name", "")[:60],
        provider=provider.name if provider else "",
        next=request.args.get("next", ""),
    )
    return Response(text, status)
