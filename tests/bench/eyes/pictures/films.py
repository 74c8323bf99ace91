"""Films of one moving badge: each frame is drawn anew, with the blur of its moment."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from tests.bench.eyes.pictures import spoil
from tests.bench.eyes.pictures.cards import Card, Gray, credential
from tests.bench.eyes.pictures.scene import Pose, Shown, hall, place, put
from tests.bench.eyes.pictures.stills import HD, SENSOR_NOISE, Rng

FPS = 30
EMPTY_FRAMES = 6  # of the hall alone, before the badge comes
MODULES_MIN = 2.0  # pixels: a smaller code is never in full view
SHARP_MODULES = 0.6  # smaller blurs are ignored
MARGIN = 60


@dataclass(frozen=True, eq=False)
class Moment:
    """Where the badge is in one frame, and how far it moves while the shutter is open."""

    pose: Pose
    blur_px: float
    blur_degrees: float


@dataclass(frozen=True, eq=False)
class Film:
    """Frames at 30 a second, and the truth about each (None: the hall alone)."""

    kind: str
    text: str
    frames: list[Gray]
    shown: list[Shown | None]

    @property
    def first_full_view(self) -> int:
        """The first frame with all of the code in view, at 2 pixels a module or more."""
        return next(
            number
            for number, shown in enumerate(self.shown)
            if shown is not None and shown.whole and shown.module_px >= MODULES_MIN
        )

    @property
    def sharp_frames(self) -> int:
        whole = [shown for shown in self.shown if shown is not None and shown.whole]
        return sum(shown.blur_modules < SHARP_MODULES for shown in whole)


def _path(rng: Rng, count: int, size: tuple[int, int]) -> list[Pose]:
    """From far and from one side to a hand's hold near the middle, fast, then slower."""
    width, height = size
    hold = Pose(
        x=width * rng.uniform(0.38, 0.62),
        y=height * rng.uniform(0.42, 0.58),
        module_px=rng.uniform(3.0, 5.5) * width / 1280,
        roll=rng.normal(0, 8),
        yaw=rng.uniform(-25, 25),
        pitch=rng.uniform(-25, 25),
    )
    side, rise = rng.choice([-1, 1]), rng.uniform(0.0, 0.35)
    poses = []
    for number in range(count):
        left = (1 - number / (count - 1)) ** 2.2  # of the way
        poses.append(
            replace(
                hold,
                x=float(hold.x + side * left * width * 0.3),
                y=float(hold.y + left * height * rise),
                module_px=float(hold.module_px * (1 - 0.62 * left)),
                roll=float(hold.roll + left * side * 20),
            )
        )
    return poses


def _moments(poses: list[Pose], rng: Rng, shutter: float) -> list[Moment]:
    """`shutter` is the part of the frame time for which it is open."""
    moments = []
    for before, pose in zip([poses[0], *poses], poses, strict=False):
        dx, dy = pose.x - before.x, pose.y - before.y
        shake = rng.normal(0, 1.2, 2)  # a hand's, in pixels a frame
        dx, dy = dx + shake[0], dy + shake[1]
        degrees = float(np.degrees(np.arctan2(-dy, dx)))
        moments.append(Moment(pose, float(np.hypot(dx, dy)) * shutter, degrees))
    return moments


def approach(rng: Rng, size: tuple[int, int]) -> list[Moment]:
    """A badge is brought to the camera within a second, and held."""
    poses = _path(rng, 24, size)
    return _moments(poses + [poses[-1]] * 8, rng, rng.uniform(0.3, 0.9))


def passing(rng: Rng, size: tuple[int, int]) -> list[Moment]:
    """A badge is waved past, never still: 1.2 to 4 modules of blur in every frame."""
    pose = _path(rng, 2, size)[-1]
    speed, degrees = size[0] * rng.uniform(0.010, 0.018), rng.uniform(-20, 20)
    moments = []
    for number in range(24):
        away = (number - 12) * speed
        here = replace(
            pose,
            x=float(size[0] / 2 + away * np.cos(np.radians(degrees))),
            y=float(size[1] / 2 - away * np.sin(np.radians(degrees))),
        )
        blur = rng.uniform(1.2, 4.0) * pose.module_px
        moments.append(Moment(here, float(blur), float(degrees + rng.normal(0, 5))))
    return moments


def two_sharp(rng: Rng, size: tuple[int, int]) -> list[Moment]:
    """Brought near and taken away: sharp in two frames only, 3 to 8 modules of blur else."""
    poses = _path(rng, 18, size)
    poses = poses + poses[::-1][2:]
    turning = {16, 17}
    if rng.random() < 0.5:  # not one after the other
        turning = {14, 18}
    moments = []
    for number, moment in enumerate(_moments(poses, rng, 0.5)):
        modules = rng.uniform(0, 0.5) if number in turning else rng.uniform(3, 8)
        moments.append(replace(moment, blur_px=float(modules * moment.pose.module_px)))
    return moments


def swinging(rng: Rng, size: tuple[int, int]) -> list[Moment]:
    """On a lanyard, from side to side: 3 to 5 modules of blur in every frame."""
    pose = _path(rng, 2, size)[-1]
    reach, period = size[0] * rng.uniform(0.03, 0.06), rng.uniform(18, 30)
    moments = []
    for number in range(30):
        angle = 2 * np.pi * number / period
        here = replace(pose, x=float(pose.x + reach * np.sin(angle)))
        blur = rng.uniform(3, 5) * pose.module_px
        moments.append(Moment(here, float(blur), float(rng.normal(0, 8))))
    return moments


def held(rng: Rng, size: tuple[int, int]) -> list[Moment]:
    """Held by a hand that shakes a little."""
    pose = _path(rng, 2, size)[-1]
    return _moments([pose] * 30, rng, 0.3)


Light = Callable[[Gray, Shown, float], Gray]  # by the part of the film that is over


def _daylight(rng: Rng) -> Light:
    return lambda view, shown, part: spoil.noisy(view, SENSOR_NOISE, rng)


def _dusk(rng: Rng) -> Light:
    """As dark and noisy as a still of low light."""
    share, sigma = rng.uniform(0.06, 0.2), rng.uniform(3, 9)
    return lambda view, shown, part: spoil.noisy(view * share, sigma, rng)


def _grain(rng: Rng) -> Light:
    sigma = rng.uniform(25, 50)
    return lambda view, shown, part: spoil.noisy(view, sigma, rng)


def _lamp(rng: Rng) -> Light:
    """Its reflection moves over the symbol while the holder turns the badge."""
    start, end = rng.uniform(0.25, 0.75, (2, 2))
    wide, strength = rng.uniform(0.12, 0.25), rng.uniform(200, 330)

    def shone(view: Gray, shown: Shown, part: float) -> Gray:
        u, v = start + (end - start) * part
        a, b, c, d = np.array(shown.corners)
        x, y = (a * (1 - u) + b * u) * (1 - v) + (d * (1 - u) + c * u) * v
        lit = spoil.glare(view, (float(x), float(y)), shown.side * wide, strength)
        return spoil.noisy(lit, SENSOR_NOISE, rng)

    return shone


# The badge's way, and the light on it.
KINDS: dict[str, tuple[Callable[[Rng, tuple[int, int]], list[Moment]], Callable[[Rng], Light]]] = {
    "brought and held": (approach, _daylight),
    "waved past": (passing, _daylight),
    "two sharp frames": (two_sharp, _daylight),
    "moving 3-5 modules": (swinging, _daylight),
    "low light": (held, _dusk),
    "noise": (held, _grain),
    "moving glare": (held, _lamp),
}


def film(
    kind: str,
    number: int,
    size: tuple[int, int] = HD,
    frames_max: int | None = None,
    text: str | None = None,
) -> Film:
    """The same film for the same arguments. `frames_max` cuts it off. `text` replaces the badge's
    own.
    """
    rng = np.random.default_rng((list(KINDS).index(kind), number, size[0], 4))
    serial = int(rng.integers(1, 100_000))
    text = text or credential(serial)
    card = Card(text, str(rng.choice(["badge", "badge", "badge", "phone", "dark phone"])))
    behind = cv2.GaussianBlur(hall(size, number % 4), (0, 0), spoil.LENS_SIGMA_PX)
    way, light = KINDS[kind]
    moments = way(rng, size)
    lit = light(rng)
    if frames_max is not None:
        moments = moments[: frames_max - EMPTY_FRAMES]
    frames = [spoil.finished(spoil.noisy(behind, SENSOR_NOISE, rng)) for _ in range(EMPTY_FRAMES)]
    shown: list[Shown | None] = [None] * EMPTY_FRAMES
    for past, moment in enumerate(moments):
        layer = place(card, moment.pose, size, MARGIN)
        layer = spoil.moved(layer, moment.blur_px, moment.blur_degrees)
        layer = spoil.blurred(layer, spoil.soft_kernel())
        view = behind.copy()
        put(view, layer)
        frames.append(spoil.finished(lit(view, layer.shown, past / len(moments))))
        shown.append(layer.shown)
    return Film(kind, text, frames, shown)
