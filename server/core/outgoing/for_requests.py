import io
import time
from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import BaseAdapter

from server.core.outgoing import posting


class Bounded(BaseAdapter):
    """A `requests` adapter whose requests share a deadline, `whole_s` after its creation. Answers
    are read up to `answer_max` bytes. The system's trusted certificates apply.
    """

    def __init__(self, whole_s: float, answer_max: int) -> None:
        super().__init__()
        self._until = time.monotonic() + whole_s
        self._answer_max = answer_max

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Raises a RequestException if there is no complete answer in time."""
        body = request.body or b""
        headers = {name: value for name, value in request.headers.items()
                   if name.casefold() != "accept-encoding"}  # fmt: skip
        reply = posting.ask(
            request.method or "GET", request.url or "",
            body.encode() if isinstance(body, str) else bytes(body), headers, self._answer_max,
            whole_s=max(0.0, self._until - time.monotonic()),
        )  # fmt: skip
        if not reply.status or reply.too_long:
            raise requests.ConnectionError(reply.words, request=request)
        answer = requests.Response()
        answer.status_code, answer.url, answer.request = reply.status, request.url or "", request
        answer.headers["Content-Type"] = reply.content_type
        answer.encoding = "utf-8"
        answer.raw = io.BytesIO(reply.body)
        return answer

    def close(self) -> None:
        pass
