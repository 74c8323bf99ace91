"""What a phone's camera saw, and what the page answered, compared with the truth."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.phones.phone import GREEN, Phone

# Reports each picture with a code as the page sends it to the door, and each answer as it comes.
EYE = """
(() => {
  const worker = self.proofWorkers.at(-1);
  const send = worker.postMessage.bind(worker);
  const report = (message) => self.proof(JSON.stringify(message));
  let last = 0;
  worker.postMessage = (message, ...words) => {
    const texts = message.type === "seen" ? message.codes.map(({ text }) => text) : [];
    if (texts.length > 0) report({ type: "looked", at: message.at, texts });
    send(message, ...words);
  };
  worker.addEventListener("message", ({ data }) => {
    if (data.type !== "state") return;
    const now = performance.timeOrigin + performance.now();
    const fresh = data.event.answers.filter(({ number }) => number > last).reverse();
    for (const { number, badge, tone } of fresh) {
      last = number;
      report({ type: "answered", now, badge, tone });
    }
  });
})()
"""


def watch(phone: Phone) -> None:
    """From now on the phone's messages have `looked` and `answered`."""
    phone.script(EYE)


@dataclass
class Showing:
    """The looks and answers of one playing of a reel."""

    truth: Mapping[str, str | None]  # by text: the badge's number, or None if it is forged
    leaves: bool = False  # an exit is never refused, not even with a forged badge
    read: set[str] = field(default_factory=set)
    took_ms: list[float] = field(default_factory=list)  # from the first look to the answer
    wrong_reads: int = 0
    wrong_answers: int = 0
    _waiting: dict[str | None, float] = field(default_factory=dict)

    def take(self, messages: Iterable[dict[str, Any]]) -> None:
        for message in messages:
            if message["type"] == "looked":
                for text in message["texts"]:
                    self._look(text, message["at"])
            elif message["type"] == "answered":
                self._answer(message["badge"], message["tone"], message["now"])

    @property
    def unanswered(self) -> int:
        return len(self._waiting)

    def _look(self, text: str, at: float) -> None:
        if text not in self.truth:
            self.wrong_reads += 1
        elif text not in self.read:
            self.read.add(text)
            self._waiting[self.truth[text]] = at

    def _answer(self, badge: str | None, tone: str, now: float) -> None:
        began = self._waiting.pop(badge, None)
        if began is None or not self._is_right(badge, tone):
            self.wrong_answers += 1
        else:
            self.took_ms.append(now - began)

    def _is_right(self, badge: str | None, tone: str) -> bool:
        if self.leaves:
            return tone == "goodbye"
        return tone in GREEN if badge is not None else tone == "deny"
