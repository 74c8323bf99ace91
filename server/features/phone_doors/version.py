from kiosk.browser.files import MissingError, phone_files


def files_version() -> str:
    """Return the version of the page's files that phones should have, or "" if this server lacks
    them.
    """
    try:
        return phone_files().version
    except MissingError:
        return ""
