from functools import lru_cache

import typst

from server.core.event.directory import Event
from server.core.people.card_design import read_design

ICON_PX = 29
LOGO_PX = (160, 50)
_SCALES = (1, 2, 3)
_SIGN = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="32" height="32">'
    '<path d="M10 1l6 9 6-9" fill="none" stroke="#7a8796" stroke-width="2.4"/>'
    '<rect x="5" y="9" width="22" height="21" rx="3" fill="#fff" stroke="#10243e"'
    ' stroke-width="2"/><path d="M13 12.5h6" stroke="#10243e" stroke-width="2"/>'
    '<path d="M10 17h5v5h-5zM17 17h5v2h-5zM17 21h2v5h-2zM10 24h5v2h-5zM21 21h1v5h-1z"'
    ' fill="#10243e"/></svg>'
)
_PAGE = (
    b"#set page(width: eval(sys.inputs.width), height: eval(sys.inputs.height), margin: 0pt,"
    b" fill: none)\n#set align(center + horizon)\n"
    b'#image(bytes(sys.inputs.svg), format: "svg", width: 100%, height: 100%, fit: "contain")'
)


def pictures(event: Event) -> dict[str, bytes]:
    """Return a pass's PNG files by name. Raises DesignError."""
    logo = read_design(event).look.logo
    return dict(_drawn(logo))


@lru_cache(maxsize=4)
def _drawn(logo: str) -> tuple[tuple[str, bytes], ...]:
    icon = logo or _SIGN
    files = []
    for scale in _SCALES:
        suffix = "" if scale == 1 else f"@{scale}x"
        files.append((f"icon{suffix}.png", png(icon, ICON_PX * scale, ICON_PX * scale)))
        if logo:
            width, height = (side * scale for side in LOGO_PX)
            files.append((f"logo{suffix}.png", png(logo, width, height)))
    return tuple(files)


def png(svg: str, width: int, height: int) -> bytes:
    compiler = typst.Compiler(ignore_system_fonts=True)
    data = compiler.compile(
        _PAGE,
        format="png",
        ppi=72.0,
        sys_inputs={"svg": svg, "width": f"{width}pt", "height": f"{height}pt"},
    )
    assert isinstance(data, bytes)
    return data
