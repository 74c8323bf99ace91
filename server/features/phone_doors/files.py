"""Serves the phone's page and its files (kiosk/browser/files.py).

All files but the page have the version in their address, and never change there, so that browsers
and proxies keep them. A phone checks each by its hash in files.json.
"""

from pathlib import PurePath

from flask import Blueprint, Response, abort, request

from kiosk.browser.files import File, MissingError, phone_files
from server.web import auth
from server.web.i18n import gettext as _
from server.web.serving.pages import LastingFile

blueprint = Blueprint("phone_door_files", __name__, url_prefix="/door")

IMMUTABLE = "public, max-age=31536000, immutable"
TYPES = {
    ".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript",
    ".json": "application/json", ".png": "image/png", ".svg": "image/svg+xml",
    ".wasm": "application/wasm", ".webmanifest": "application/manifest+json",
}  # fmt: skip
FILES = b"%FILES%"  # in the page: the folder of this version's files
# Of all answers here: a worker takes its policy from its own script's answer.
HEADERS = {
    # WebAssembly is compiled, and no JavaScript text is evaluated.
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; object-src 'none'; form-action 'none'; "
        "frame-ancestors 'none'; connect-src 'self'; manifest-src 'self'; media-src 'self' blob:; "
        "img-src 'self' data: blob:; style-src 'self'; worker-src 'self'; "
        "script-src 'self' 'wasm-unsafe-eval'"
    ),
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=()",
}


@blueprint.after_request
def _add_policy(answer: Response) -> Response:
    answer.headers.extend(HEADERS)
    answer.headers.setdefault("Cache-Control", "no-cache")
    return answer


@blueprint.errorhandler(MissingError)
def _missing(_error: MissingError) -> Response:
    why = _(
        "This server lacks the page for phones: its libraries are missing. Run make set-up with a "
        "network in Hallkeeper's folder, then restart the server."
    )
    return Response(f"{why}\n", 503, mimetype="text/plain")


@blueprint.get("/")
@auth.allow_everybody
def page() -> Response:
    return _named("door.html")


@blueprint.get("/service_worker.mjs")
@auth.allow_everybody
def service_worker() -> Response:
    """As it is, because it puts the version's folder into the pages that it keeps."""
    script = phone_files().files["service_worker.mjs"]
    return Response(script.read(), content_type=_type("service_worker.mjs"))


@blueprint.get("/manifest.webmanifest")
@auth.allow_everybody
def manifest() -> Response:
    return _named("manifest.webmanifest")


@blueprint.get("/files.json")
@auth.allow_everybody
def index() -> Response:
    return Response(phone_files().index(), mimetype="application/json")


@blueprint.get("/files/<version>/<path:path>")
@auth.allow_everybody
def file(version: str, path: str) -> Response:
    current = phone_files()
    found = current.files.get(path)
    if version != current.version or found is None:
        abort(404)
    answer = _sent(found, path)
    answer.headers["Cache-Control"] = IMMUTABLE
    return answer


def _named(path: str) -> Response:
    """A file at its own address outside the version, with the version's folder in it."""
    current = phone_files()
    folder = f"/door/files/{current.version}/".encode()
    found = current.files.get(path) or abort(404)
    return Response(found.read().replace(FILES, folder), content_type=_type(path))


def _sent(file: File, path: str) -> Response:
    packed = file.brotli if request.accept_encodings["br"] else None
    on_disk = packed or file.path
    body = LastingFile(on_disk) if on_disk else file.content
    answer = Response(body, content_type=_type(path), direct_passthrough=on_disk is not None)
    answer.content_length = file.stored if packed else file.size
    answer.set_etag(f"{file.sha256}-br" if packed else file.sha256)
    if packed:
        answer.headers["Content-Encoding"] = "br"
    answer.vary.add("Accept-Encoding")
    answer.make_conditional(request, accept_ranges=True, complete_length=answer.content_length)
    return answer


def _type(path: str) -> str:
    return TYPES.get(PurePath(path).suffix, "application/octet-stream")
