from collections.abc import Iterable

import numpy as np

from kiosk.pictures import Picture, cv2

WIDTH = 640
JPEG_QUALITY = 70
FRAME_BGR = (255, 255, 255)
EDGE_BGR = (0, 0, 0)  # a dark line under the frame makes it visible on any background


def preview_jpeg(
    picture: Picture, outlines: Iterable[Iterable[tuple[int, int]]] = (), *, width: int = WIDTH
) -> bytes | None:
    """`picture` as a JPEG `width` pixels wide, with outlines; None for an empty picture."""
    if not picture.size:
        return None
    scale = min(1.0, width / picture.shape[1])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
    for outline in outlines:
        corners = np.array([(round(x * scale), round(y * scale)) for x, y in outline], np.int32)
        if len(corners):
            cv2.polylines(small, [corners], True, EDGE_BGR, 6, cv2.LINE_AA)
            cv2.polylines(small, [corners], True, FRAME_BGR, 3, cv2.LINE_AA)
    done, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data.tobytes() if done else None
