"""English texts of the camera's test page. The camera's own texts are messages.

`N_` marks them for the catalogues. The page replaces fields in braces.
"""

from collections.abc import Mapping

from badges.i18n import N_

CAMERA: Mapping[str, str] = {
    "title": N_("Camera test"),
    "back": N_("Back to the door"),
    "picture": N_("The reader's picture, mirrored; each code that was read has a frame"),
    "no_camera": N_("This kiosk has no camera. It uses only the hand scanner."),
    "no_picture": N_("No picture yet"),
    "camera": N_("Camera"),
    "webcam": N_("webcam {target}"),
    "file": N_("video {target}"),
    "folder": N_("folder {target}"),
    "stream": N_("stream {target}"),
    "state": N_("State"),
    "state_starting": N_("starting"),
    "state_live": N_("works"),
    "state_lost": N_("lost"),
    "state_ended": N_("the video has ended"),
    "light": N_("Light"),
    "light_dark": N_("too dark: more light"),
    "light_good": N_("good"),
    "light_bright": N_("too bright: no lamp or window behind the badge, or a shorter exposure"),
    "sharpness": N_("Sharpness"),
    "sharpness_sharp": N_("sharp"),
    "sharpness_soft": N_("a little soft: hold the badge still to see whether it is the focus"),
    "sharpness_blurred": N_(
        "blurred: more light or a shorter exposure; if it stays, set the focus"
    ),
    "sharpness_unknown": N_("hold up a badge to check"),
    "sharpness_unclear": N_(
        "nothing sharp in view: hold up a badge; if it stays so, more light, a shorter exposure, or"
        " the focus"
    ),
    "edge": N_("an edge takes {n} pixels"),
    "level": N_("mean level {n} of 255"),
    "read_rate": N_("Read in the last minute"),
    "rate": N_("{read} of {shown} codes: {n} %"),
    "rate_none": N_("no code was shown"),
    "codes": N_("Codes in view"),
    "looks": N_("Readings"),
    "looked": N_("{n} a second, {ms} ms each"),
    "asked_and_got": N_("Requested and actual settings"),
    "thing": N_("Setting"),
    "asked": N_("Requested"),
    "got": N_("Actual"),
    "not_taken": N_("not applied"),
    "untold": N_("not reported"),
    "left": N_("left to the camera"),
    "auto": N_("auto"),
    "short": N_("short, by the pictures"),
    "size": N_("Resolution"),
    "fps": N_("Pictures a second"),
    "format": N_("Format"),
    "exposure": N_("Exposure"),
    "gain": N_("Gain"),
    "focus": N_("Focus"),
    "measured": N_("{n} measured"),
    "how": N_(
        "Set in settings.toml: camera, camera_width, camera_height, camera_fps, camera_exposure_ms,"
        " camera_gain, camera_focus."
    ),
}
