"""Single door frames, each by its difficulty."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tests.bench.eyes.pictures import spoil
from tests.bench.eyes.pictures.cards import Card, Gray, credential, filler, size_of
from tests.bench.eyes.pictures.scene import Layer, Pose, Shown, hall, place, put

HD, FULL_HD = (1280, 720), (1920, 1080)
SENSOR_NOISE = 3.0
JPEG = 85
VERSIONS = (5, 5, 5, 5, 5, 5, 4, 6, 7, 8)
MARGIN = 28

Rng = np.random.Generator


@dataclass(frozen=True, eq=False)
class Still:
    """One picture, and the truth about it: the nearest code first."""

    gray: Gray
    shown: tuple[Shown, ...]
    difficulty: str


def some_text(rng: Rng) -> str:
    version = int(rng.choice(VERSIONS))
    serial = int(rng.integers(1, 100_000))
    return credential(serial) if version == 5 else filler(version, serial)


def some_pose(rng: Rng, text: str, size: tuple[int, int], modules: tuple[float, float]) -> Pose:
    """Anywhere in the picture with all of the symbol in view, a little turned."""
    most = 0.8 * size[1] / (size_of(text) + 4)
    module_px = min(float(np.exp(rng.uniform(*np.log(modules)))), most)
    reach = module_px * (size_of(text) / 2 + 2) * 1.12
    roll, yaw, pitch = rng.normal(0, 9), rng.uniform(-15, 15), rng.uniform(-15, 15)
    x, y = rng.uniform(reach, size[0] - reach), rng.uniform(reach, size[1] - reach)
    return Pose(float(x), float(y), module_px, float(roll), float(yaw), float(pitch))


def _compose(layers: list[Layer], size: tuple[int, int], rng: Rng) -> Gray:
    view = hall(size, int(rng.integers(0, 4))).copy()
    for layer in layers:
        put(view, layer)
    return view


def _one(
    rng: Rng, size: tuple[int, int], modules: tuple[float, float], kind: str = "badge"
) -> Layer:
    text = some_text(rng)
    return place(Card(text, kind), some_pose(rng, text, size, modules), size, MARGIN)


def _sensed(view: Gray, rng: Rng, sigma: float = SENSOR_NOISE, jpeg: int = JPEG) -> Gray:
    return spoil.finished(spoil.noisy(spoil.softened(view), sigma, rng), jpeg)


Made = tuple[Gray, list[Layer]]


def _plain(rng: Rng, size: tuple[int, int], modules: tuple[float, float] = (2.5, 8)) -> Made:
    layer = _one(rng, size, modules)
    return _sensed(_compose([layer], size, rng), rng), [layer]


def _far(rng: Rng, size: tuple[int, int]) -> Made:
    return _plain(rng, size, (2.0, 2.5))


def _tilted(rng: Rng, size: tuple[int, int]) -> Made:
    text = some_text(rng)
    degrees, about = rng.uniform(30, 45), rng.uniform(0, 2 * np.pi)
    pose = replace(
        some_pose(rng, text, size, (2.8, 8)),
        yaw=float(degrees * np.cos(about)),
        pitch=float(degrees * np.sin(about)),
    )
    layer = place(Card(text), pose, size, MARGIN)
    return _sensed(_compose([layer], size, rng), rng), [layer]


def _moving(rng: Rng, size: tuple[int, int], least: float, most: float) -> Made:
    layer = _one(rng, size, (3, 7))
    length = rng.uniform(least, most) * layer.shown.module_px
    layer = spoil.moved(layer, length, rng.uniform(0, 180))
    return _sensed(_compose([layer], size, rng), rng), [layer]


def _slow(rng: Rng, size: tuple[int, int]) -> Made:
    return _moving(rng, size, 0.5, 1.5)


def _fast(rng: Rng, size: tuple[int, int]) -> Made:
    return _moving(rng, size, 1.5, 3.0)


def _faster(rng: Rng, size: tuple[int, int]) -> Made:
    return _moving(rng, size, 3.0, 5.0)


def _defocused(rng: Rng, size: tuple[int, int]) -> Made:
    layer = _one(rng, size, (3, 7))
    radius = rng.uniform(0.4, 1.1) * layer.shown.module_px
    layer = spoil.blurred(layer, spoil.disc_kernel(radius))
    return _sensed(_compose([layer], size, rng), rng), [layer]


def _in_symbol(layer: Layer, rng: Rng) -> tuple[float, float]:
    weights = rng.dirichlet([1.5] * 4)
    x, y = (np.array(layer.shown.corners) * weights[:, None]).sum(axis=0)
    return float(x), float(y)


def _glared(rng: Rng, size: tuple[int, int]) -> Made:
    layer = _one(rng, size, (3, 8))
    view = _compose([layer], size, rng)
    radius = layer.shown.side * rng.uniform(0.08, 0.3)
    view = spoil.glare(view, _in_symbol(layer, rng), radius, rng.uniform(120, 330))
    return _sensed(view, rng), [layer]


def _shaded(rng: Rng, size: tuple[int, int]) -> Made:
    layer = _one(rng, size, (3, 8))
    view = _compose([layer], size, rng)
    view = spoil.shadow(view, _in_symbol(layer, rng), rng.uniform(0, 360), rng.uniform(0.15, 0.5))
    return _sensed(view, rng), [layer]


def _dark(rng: Rng, size: tuple[int, int]) -> Made:
    layer = _one(rng, size, (2.8, 8))
    view = _compose([layer], size, rng) * rng.uniform(0.06, 0.3)
    return _sensed(view, rng, rng.uniform(3, 9)), [layer]


def _grainy(rng: Rng, size: tuple[int, int]) -> Made:
    layer = _one(rng, size, (2.8, 8))
    return _sensed(_compose([layer], size, rng), rng, rng.uniform(15, 40), 60), [layer]


def _phone(rng: Rng, size: tuple[int, int], kind: str = "phone") -> Made:
    layer = spoil.moire(_one(rng, size, (2.8, 8), kind), rng)
    return _sensed(_compose([layer], size, rng), rng), [layer]


def _dark_phone(rng: Rng, size: tuple[int, int]) -> Made:
    return _phone(rng, size, "dark phone")


def _strapped(rng: Rng, size: tuple[int, int]) -> Made:
    layer = spoil.strap(_one(rng, size, (2.8, 8)), rng, rng.uniform(0.02, 0.2))
    return _sensed(_compose([layer], size, rng), rng), [layer]


def _two(rng: Rng, size: tuple[int, int]) -> Made:
    """The nearer one to the right, the other to the left; neither hides the other's symbol."""
    layers = []
    for part, modules in [(0.72, (3.6, 6.0)), (0.24, (2.6, 3.4))]:
        text = some_text(rng)
        most = 0.42 * size[0] / (size_of(text) * 1.3)
        pose = replace(some_pose(rng, text, size, modules), x=size[0] * part)
        pose = replace(pose, module_px=min(pose.module_px, most))
        layers.append(place(Card(text), pose, size, MARGIN))
    return _sensed(_compose(layers[::-1], size, rng), rng), layers


DIFFICULTIES: dict[str, Callable[[Rng, tuple[int, int]], Made]] = {
    "plain": _plain,
    "far: 2-2.5 px a module": _far,
    "tilted 30-45 degrees": _tilted,
    "moving 0.5-1.5 modules": _slow,
    "moving 1.5-3 modules": _fast,
    "moving 3-5 modules": _faster,
    "out of focus": _defocused,
    "glare": _glared,
    "hard shadow": _shaded,
    "low light": _dark,
    "noise": _grainy,
    "phone, moire": _phone,
    "dark phone, moire": _dark_phone,
    "lanyard over a corner": _strapped,
    "two badges": _two,
}


def still(difficulty: str, number: int, size: tuple[int, int] = HD) -> Still:
    """The same still for the same arguments."""
    rng = np.random.default_rng((zlib.crc32(difficulty.encode()), number, size[0]))
    gray, layers = DIFFICULTIES[difficulty](rng, size)
    return Still(gray, tuple(layer.shown for layer in layers), difficulty)
