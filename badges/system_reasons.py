"""Reasons that the operating system gives, as texts for translation."""

from badges.i18n import N_, Phrase

# Others are shown in English.
USUAL = (
    N_("Broken pipe"),
    N_("Connection refused"),
    N_("Connection reset by peer"),
    N_("Connection timed out"),
    N_("Connection unexpectedly closed"),
    N_("Device or resource busy"),
    N_("Disk quota exceeded"),
    N_("File exists"),
    N_("File name too long"),
    N_("Host is down"),
    N_("Input/output error"),
    N_("Is a directory"),
    N_("Name or service not known"),
    N_("Network is unreachable"),
    N_("No address associated with hostname"),
    N_("No route to host"),
    N_("No space left on device"),
    N_("No such file or directory"),
    N_("Not a directory"),
    N_("Operation not permitted"),
    N_("Permission denied"),
    N_("Read-only file system"),
    N_("Stale file handle"),
    N_("Temporary failure in name resolution"),
    N_("Transport endpoint is not connected"),
    N_("timed out"),
)


def reason_of(error: OSError) -> str:
    """Return the system's reason, such as "Connection refused"."""
    reason = error.strerror or str(error) or type(error).__name__
    return Phrase(reason)
