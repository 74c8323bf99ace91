"""The sentences of `phrases`, by language: each as (reason, next step), "" where nothing helps.

In braces: hall, place (a session's title or the hall), who, time, day, span, door,
opens (a whole sentence "Opens …"), title (a session's).
"""

from collections.abc import Mapping

from badges.admission.facts import Flag, Reason

Pair = tuple[str, str]

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {"admit": "ADMIT", "look": "LOOK", "deny": "DENIED", "goodbye": "GOODBYE"},
    "zh": {"admit": "请进", "look": "请注意", "deny": "禁止入内", "goodbye": "再见"},
}

FLAGS: Mapping[str, Mapping[Flag, Pair]] = {
    "en": {
        Flag.ATTENTION: ("This badge asks for attention", "Speak to the holder"),
        Flag.ESCORT: ("Enters only with an escort", "Let in together with the escort"),
        Flag.PASSBACK: (
            "Admitted again without an exit",
            "Check that the badge is the holder's own",
        ),
        Flag.REPEATED: ("Answered seconds ago", "The same scan: let in once"),
        Flag.NO_ENTRY: ("Exit recorded; no entry is known", ""),
        Flag.UNVERIFIED: ("Exit recorded; not a valid badge", "Let out; nobody was counted"),
    },
    "zh": {
        Flag.ATTENTION: ("此证件需要留意", "请与持证人交谈"),
        Flag.ESCORT: ("须由陪同人员带领进入", "仅可与陪同人员一同进入"),
        Flag.PASSBACK: ("再次进入，但没有离场记录", "请核对证件是否为本人所有"),
        Flag.REPEATED: ("数秒前已验证", "同一次扫描，只放行一次"),
        Flag.NO_ENTRY: ("已记录离场；没有入场记录", ""),
        Flag.UNVERIFIED: ("已记录离场；证件无效", "请放行；人数不变"),
    },
}

DENIED: Mapping[str, Mapping[Reason, Pair]] = {
    "en": {
        Reason.NOT_A_BADGE: ("Not a badge", "Ask for the code on the badge"),
        Reason.FORGED: ("This badge is not genuine", "Call a supervisor"),
        Reason.OTHER_EVENT: ("Badge of another event", "Ask for the badge of this event"),
        Reason.REVOKED: ("This badge was revoked", "Send the holder to the badge desk"),
        Reason.SUPERSEDED: ("Replaced by a newer badge", "Ask for the holder's newer badge"),
        Reason.NOT_VALID_TODAY: ("Not valid today", "Send the holder to the badge desk"),
        Reason.EXPIRED: ("This badge has expired", "Send the holder to the badge desk"),
        Reason.HALL_FULL: ("No place left in {hall}", "Ask to wait: a place may come free"),
        Reason.KIOSK_RETIRED: ("This kiosk is retired", "Send to another door; tell an admin"),
        Reason.FACTS_TOO_OLD: ("Offline for too long", "Send to another door; tell an admin"),
    },
    "zh": {
        Reason.NOT_A_BADGE: ("不是参会证件", "请出示证件上的二维码"),
        Reason.FORGED: ("证件不是真的", "请呼叫主管"),
        Reason.OTHER_EVENT: ("这是其他活动的证件", "请出示本次活动的证件"),
        Reason.REVOKED: ("证件已被撤销", "请持证人前往证件服务台"),
        Reason.SUPERSEDED: ("证件已被新证件取代", "请出示新证件"),
        Reason.NOT_VALID_TODAY: ("证件今日无效", "请持证人前往证件服务台"),
        Reason.EXPIRED: ("证件已过期", "请持证人前往证件服务台"),
        Reason.HALL_FULL: ("{hall}已满", "请稍候，可能会有空位"),
        Reason.KIOSK_RETIRED: ("本验证机已停用", "请走其他入口，并通知管理员"),
        Reason.FACTS_TOO_OLD: ("离线时间过长", "请走其他入口，并通知管理员"),
    },
}

PARTS: Mapping[str, Mapping[str, Pair]] = {
    "en": {
        "admitted": ("Welcome to {place}", ""),
        "admitted_to": ("{place}", ""),  # a session: its title is enough
        "left": ("Exit recorded", ""),
        "admits": ("{place} admits {who}", "Send to a hall on the holder's programme"),
        "invited": ("{place} is by invitation", "Send to a hall on the holder's programme"),
        "not_this_badge": (
            "This badge does not open {place}",
            "Send to a hall on the holder's programme",
        ),
        "closed": ("{hall} is closed", "Nothing opens here later for this holder"),
        "inside": ("Already inside", "Check whose badge it is; call a supervisor"),
        "inside_since": ("Already inside since {time}", ""),
        "inside_door": ("Already inside, by {door}", ""),
        "inside_since_door": ("Already inside since {time}, by {door}", ""),
        "opens_today": ("Opens {time}, in {span}", "Ask the holder to come back then"),
        "opens_tomorrow": ("Opens tomorrow at {time}", "Ask the holder to come back then"),
        "opens_later": ("Opens {day} at {time}", "Ask the holder to come back then"),
        "for_holder": ("{opens}, for this holder", ""),
        "titled": ("{opens}: {title}", ""),
    },
    "zh": {
        "admitted": ("欢迎来到{place}", ""),
        "admitted_to": ("{place}", ""),
        "left": ("已记录离场", ""),
        "admits": ("{place}仅限{who}进入", "请前往持证人日程中的会场"),
        "invited": ("{place}仅限受邀者进入", "请前往持证人日程中的会场"),
        "not_this_badge": ("此证件不能进入{place}", "请前往持证人日程中的会场"),
        "closed": ("{hall}已关闭", "之后没有向此持证人开放的场次"),
        "inside": ("此证件已在场内", "请核对证件是否为本人所有，并呼叫主管"),
        "inside_since": ("{time}起已在场内", ""),
        "inside_door": ("已从{door}入场", ""),
        "inside_since_door": ("{time}已从{door}入场", ""),
        "opens_today": ("{time}开放，还有{span}", "请持证人届时再来"),
        "opens_tomorrow": ("明天{time}开放", "请持证人届时再来"),
        "opens_later": ("{day}{time}开放", "请持证人届时再来"),
        "for_holder": ("此持证人的场次{opens}", ""),
        "titled": ("{opens}：{title}", ""),
    },
}

THIS_HALL: Mapping[str, str] = {"en": "this hall", "zh": "本会场"}
STOP: Mapping[str, str] = {"en": ". ", "zh": "。"}  # between two sentences
WEEKDAYS: Mapping[str, tuple[str, ...]] = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "zh": ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
