"""A network camera on loopback: it streams MJPEG, and can be told to die, hang, freeze and
recover.
"""

import http.server
import threading
from collections.abc import Callable
from typing import Self

import cv2
import numpy as np

from tests.kiosk.support.pictures import noisy, plain

FPS = 30


class NetworkCamera:
    """`picture` makes each picture from its number. The port is kept while it is dead."""

    def __init__(self, picture: Callable[[int], np.ndarray] | None = None) -> None:
        self.picture = picture or noise
        self.number = 0
        self.flowing = threading.Event()
        self.flowing.set()
        self._server: http.server.ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self.port = 0
        self.live()

    def live(self) -> None:
        """Connect, at the same address as before."""
        self._stop = stop = threading.Event()
        camera = self

        class Pictures(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                try:
                    while not stop.wait(1 / FPS):
                        camera.flowing.wait()
                        self.wfile.write(camera._part())
                except OSError:
                    pass  # the kiosk has gone

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Pictures)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def _part(self) -> bytes:
        self.number += 1
        jpeg = cv2.imencode(".jpg", self.picture(self.number))[1].tobytes()
        head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
        return head + jpeg + b"\r\n"

    def die(self) -> None:
        """Disconnect: connections end, new ones are refused."""
        self._stop.set()
        self.flowing.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
        self._server = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/video"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.die()


def noise(number: int) -> np.ndarray:
    """A wall with sensor noise."""
    return noisy(plain(100 + number % 5, 160, 120), 4)
