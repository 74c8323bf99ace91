"""Whether an order is valid, by the status words of ticket shops and registration systems."""

import unicodedata
from collections.abc import Sequence

from badges.i18n import Count, Phrase
from badges.roster.problems import Finding, in_rows, shown, to_answer
from badges.roster.table import Line, RosterAnswers

_CANCELLED = frozenset(
    "cancelled canceled refunded refund withdrawn rejected declined denied expired deleted void"
    " voided notattending revoked transferred abandoned storniert abgesagt annulé annulée"
    " remboursé cancelado cancelada"
    " anulado reembolsado 已取消 取消 取消报名 已退款 退款 已退票 退票 已退出 退出"
    " 已拒绝 拒绝 未通过 审核未通过 审核不通过 不通过 已驳回 驳回 已过期 过期 已关闭 关闭"
    " 交易关闭 已删除 已作废 作废 无效 不参加 不参会 放弃 已放弃".split()
)
_PENDING = frozenset(
    "pending unpaid notpaid awaitingpayment paymentpending pendingpayment onhold waitlist"
    " waitlisted waitinglist onwaitlist awaitingapproval awaitingmoderation inreview unconfirmed"
    " tentative approvalpending offen unbezahlt 待审核 审核中 未审核 待支付 未支付 待付款 未付款"
    " 待缴费 未缴费 未确认 待确认 候补 等待".split()
)
_STANDING = frozenset(
    "paid confirmed complete completed attending checkedin approved registered active valid ok"
    " accepted success successful free complimentary bezahlt payé pagado"
    " 已支付 已付款 已缴费 已确认 已审核 审核通过 通过 已通过 已报名 报名成功 有效 正常"
    " 已签到 已完成 成功 免费 参会 参加".split()
)
_SAYS_CANCELLED = frozenset("cancelled canceled iscancelled iscanceled 已取消 是否取消".split())
_SAYS_PAID = frozenset({"paid"})
# Status codes of orders, as in pretix.
_CODES = {"p": "standing", "n": "pending", "e": "cancelled", "c": "cancelled"}
_YES = frozenset("yes y true 1 x ja oui si sí 是 对 √ ✓ ✔".split())
_NO = frozenset("no n false 0 nein non 否 不 ×".split())


class Orders:
    def __init__(
        self, header: Sequence[str], indexes: Sequence[int], *, codes: bool = False
    ) -> None:
        """`indexes` are the status columns. With `codes` they have pretix's letters."""
        self.columns = [(index, _question(header[index])) for index in indexes]
        self._codes = _CODES if codes else {}
        self._said: dict[str, dict[str, list[int]]] = {"cancelled": {}, "pending": {}, "": {}}

    def is_left_out(self, line: Line, answers: RosterAnswers) -> bool:
        """Whether to leave out a cancelled or unpaid order, as is done without an answer."""
        kind = self._kind(line)
        answer = {"cancelled": answers.cancelled, "pending": answers.pending}.get(kind, "take")
        return answer != "take"

    def _kind(self, line: Line) -> str:
        """Return "cancelled", "pending", or "" if the order is valid or its status unknown."""
        kinds = []
        for index, question in self.columns:
            text = line.cells[index].strip() if index < len(line.cells) else ""
            word = _plain(text) or text
            kind = _meaning(word, question) or self._codes.get(word, "") if text else "standing"
            if kind != "standing":
                self._said[kind].setdefault(text, []).append(line.number)
            kinds.append(kind)
        return next((kind for kind in ("cancelled", "pending") if kind in kinds), "")

    def findings(self, answers: RosterAnswers) -> list[Finding]:
        reported = [
            self._finding(kind, label, given)
            for kind, label, given in (
                ("cancelled", Phrase("cancelled orders"), answers.cancelled),
                ("pending", Phrase("orders not yet confirmed"), answers.pending),
            )
            if self._said[kind]
        ]
        if self._said[""]:
            reported.append(
                Finding(
                    "status_unknown",
                    sum(map(len, self._said[""].values())),
                    Phrase(
                        "a status column has words that are not known here; these rows are taken"
                    ),
                    tuple(_each(self._said[""])),
                )
            )
        return reported

    def _finding(self, kind: str, label: str, given: str | None) -> Finding:
        lines_by_word = self._said[kind]
        count = len({line for lines in lines_by_word.values() for line in lines})
        done = {"take": Phrase(", included"), "leave": Phrase(", left out")}.get(given or "", "")
        return to_answer(
            kind,
            count,
            Phrase("rows of %(what)s: %(count)s", what=label, count=Count(count)) + done,
            _each(lines_by_word),
            given,
            leave=Phrase("skip these rows"),
            take=Phrase("these people come too"),
        )


def _each(lines_by_word: dict[str, list[int]]) -> list[str]:
    return [in_rows(shown(text), len(lines), lines[0]) for text, lines in lines_by_word.items()]


def _question(title: str) -> str:
    """The question of a yes/no column: "cancelled" or "paid". "" for a column with the status
    itself.
    """
    plain = _plain(title)
    return "cancelled" if plain in _SAYS_CANCELLED else "paid" if plain in _SAYS_PAID else ""


def _meaning(word: str, question: str) -> str:
    if question == "cancelled":
        if word in _YES or word in _CANCELLED:
            return "cancelled"
        return "standing" if word in _NO else ""
    if question == "paid" and (word in _YES or word in _NO):
        return "standing" if word in _YES else "pending"
    if word in _CANCELLED:
        return "cancelled"
    if word in _PENDING:
        return "pending"
    return "standing" if word in _STANDING else ""


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().partition("(")[0]
    return "".join(char for char in folded if char.isalnum())
