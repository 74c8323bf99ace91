"""What a supervisor at a door is told, in every language: reasons to choose from, and refusals.

In braces: name (of the supervisor), why, time, tries, minutes.
"""

from collections.abc import Mapping

from badges.admission.phrases import Explanation, Tone, languages

Texts = Mapping[str, str]  # by language

OTHER = "other"  # the one reason that needs words of its own

OVERRIDE_REASONS: Mapping[str, Texts] = {
    "invited_by_host": {"en": "invited by the host", "zh": "主办方邀请"},
    "badge_lost": {"en": "badge lost", "zh": "证件遗失"},
    "category_wrong": {"en": "wrong category on the badge", "zh": "证件类别有误"},
    "vip": {"en": "VIP", "zh": "贵宾"},
    OTHER: {"en": "another reason", "zh": "其他原因"},
}
ANNUL_REASONS: Mapping[str, Texts] = {
    "nobody_passed": {"en": "nobody passed", "zh": "无人通过"},
    "wrong_person": {"en": "the wrong person", "zh": "人证不符"},
    "by_mistake": {"en": "scanned by mistake", "zh": "误扫"},
    OTHER: {"en": "another reason", "zh": "其他原因"},
}

_ACTS: Mapping[str, Texts] = {
    "override": {"en": "Admitted by {name}: {why}", "zh": "{name}放行：{why}"},
    "annul_word": {"en": "ANNULLED", "zh": "已作废"},
    "annul": {
        "en": "The entry of {time} does not count. {name}: {why}",
        "zh": "{time}的入场已作废。{name}：{why}",
    },
    "annul_next": {"en": "The holder may enter again", "zh": "持证人可以再次入场"},
}

REFUSALS: Mapping[str, Texts] = {
    "wrong_pin": {
        "en": "Wrong PIN. {tries} more tries.",
        "zh": "PIN码错误，还可以试{tries}次。",
    },
    "pin_locked": {
        "en": "Too many wrong PINs. Try again in {minutes} min.",
        "zh": "PIN码错误次数过多，请{minutes}分钟后再试。",
    },
    "not_unlocked": {
        "en": "A supervisor must enter a PIN first.",
        "zh": "请主管先输入PIN码。",
    },
    "nothing_to_override": {
        "en": "No denial is left to override. Show the badge again.",
        "zh": "没有可以放行的拒绝记录，请重新出示证件。",
    },
    "not_overridable": {
        "en": "This can't be overridden. Send the holder to the badge desk.",
        "zh": "此情况不能放行，请持证人前往证件服务台。",
    },
    "no_place": {
        "en": "No place up to the fire limit. Nobody can be admitted until somebody leaves.",
        "zh": "已达消防限额，有人离场后才能放行。",
    },
    "resting": {
        "en": "The shift has ended. Resume it first.",
        "zh": "值班已结束，请先恢复值班。",
    },
    "kiosk_retired": {
        "en": "This kiosk is retired. Use another door.",
        "zh": "本验证机已停用，请走其他入口。",
    },
    "nothing_to_annul": {
        "en": "There is no admission here to annul.",
        "zh": "没有可以作废的入场记录。",
    },
    "not_last": {
        "en": "Only the last admission at this door can be annulled.",
        "zh": "只能作废本入口的最后一次入场。",
    },
    "already_over": {
        "en": "This admission was annulled already, or the holder has left.",
        "zh": "该入场记录已作废，或持证人已离场。",
    },
    "too_late": {
        "en": "Only within 15 minutes. Record an exit instead.",
        "zh": "只能在15分钟内作废，请改为记录离场。",
    },
    "reason_missing": {
        "en": "Choose a reason, or write one.",
        "zh": "请选择或填写原因。",
    },
    "note_too_long": {
        "en": "The reason is longer than 200 characters.",
        "zh": "原因不能超过200个字符。",
    },
    "no_server": {
        "en": "This needs the server, and it can't be reached now.",
        "zh": "此操作需要连接服务器，目前无法连接。",
    },
    "too_many": {
        "en": "Too many look-ups from this kiosk. Wait some minutes, or ask at the badge desk.",
        "zh": "本机查询次数过多，请稍后再试，或到证件服务台查询。",
    },
    "moved_often": {
        "en": "This kiosk was moved too often. Wait an hour, or ask an admin.",
        "zh": "本机移动次数过多，请一小时后再试，或联系管理员。",
    },
    "not_a_supervisor": {
        "en": "The server no longer knows you as a supervisor. Ask an admin.",
        "zh": "服务器上您已不是主管，请联系管理员。",
    },
    "look_up_first": {
        "en": "Look the person up again first.",
        "zh": "请先重新查找此人。",
    },
    "one_way": {
        "en": "This door serves one direction only.",
        "zh": "此门只供单向通行。",
    },
    "no_such_door": {
        "en": "There is no such door any more. Take the list again.",
        "zh": "该入口已不存在，请重新获取列表。",
    },
    "not_ready": {
        "en": "This kiosk has no facts from the server yet. Check the network.",
        "zh": "本机尚未从服务器获得数据，请检查网络。",
    },
    "bad_request": {"en": "This could not be read. Try again.", "zh": "无法识别，请重试。"},
    "failed": {
        "en": "This could not be done. Nothing was changed. Tell an admin.",
        "zh": "操作失败，未作任何更改，请联系管理员。",
    },
}


class SupervisorError(Exception):
    """A supervisor's wish is refused. `code` is one of `REFUSALS`; `fields` are its numbers."""

    def __init__(self, code: str, **fields: int) -> None:
        super().__init__(code)
        self.code = code
        self.fields = fields

    @property
    def message(self) -> dict[str, str]:
        """In words, by language."""
        return {lang: _in(REFUSALS[self.code], lang).format(**self.fields) for lang in languages()}


def _in(texts: Texts, language: str) -> str:
    return texts.get(language) or texts["en"]


def why_in(reasons: Mapping[str, Texts], note: str, language: str) -> str:
    """A recorded reason in words: its key, a key with a note, or a note alone."""
    key, _, more = note.partition(": ")
    if key not in reasons:
        return note
    words = _in(reasons[key], language)
    return f"{words}: {more}" if more else words


def override_words(
    language: str, told: Explanation, tone: Tone, name: str, note: str
) -> Explanation:
    """The words of an override. `told` has what staff should notice of the holder besides."""
    why = why_in(OVERRIDE_REASONS, note, language)
    reason = _in(_ACTS["override"], language).format(name=name, why=why)
    if tone is Tone.LOOK:
        reason = f"{told.reason} · {reason}"
    return Explanation(told.word, reason, told.next_step)


def annul_words(language: str, time: str, name: str, note: str) -> Explanation:
    """The words of an annulment; `time` is that of the entry."""
    reason = _in(_ACTS["annul"], language).format(
        time=time, name=name, why=why_in(ANNUL_REASONS, note, language)
    )
    return Explanation(
        _in(_ACTS["annul_word"], language), reason, _in(_ACTS["annul_next"], language)
    )
