"""The columns of a programme's table, and the titles that they have in English and Chinese."""

import re

from server.features.imports.programme.title import HAN_OR_NOT

_TITLES = {
    "code": "code id sessioncode sessionid 编号 会议编号 场次编号",
    "date": "date day 日期 时间日期 会议日期 天",
    "start": "start starts starttime begin begins from time timeslot 开始 开始时间 起始时间 时间"
    " 时间段 时段",
    "end": "end ends endtime until to finish 结束 结束时间 终止时间",
    "room": "room hall venue location place 会场 场地 地点 会议室 厅 展厅 房间",
    "title": "title session sessiontitle topic name event titleen englishtitle 标题 主题 会议名称"
    " 会议主题 议题 论坛名称 活动名称 名称 英文标题 英文名称",
    "title_zh": "titlezh chinesetitle titlechinese 中文标题 中文名称 中文主题",
    "people": "speaker speakers presenter presenters panellists 嘉宾 演讲嘉宾 演讲人 主讲人 发言人"
    " 讲者 报告人",
    "moderators": "moderator moderators chair chairs host 主持 主持人",
    "kind": "type kind sessiontype format 类型 类别 形式",
    "theme": "track theme stream 主线 专题 板块",
    "language": "language lang 语言 语种",
    "capacity": "capacity seats places roomcapacity hallcapacity 容量 座位数 容纳人数 会场容量"
    " 最大人数",
    "admitted": "admitted admits categories whoisadmitted whomayenter audience participants"
    " 准入 准入类别 准入人员 入场类别 参会人员 参会对象 参加人员 允许入场",
}  # fmt: skip
COLUMNS = tuple(_TITLES)
NOT_READ = "-"  # for a column that the organiser leaves out. It is no column.
_OURS = {title: column for column, titles in _TITLES.items() for title in titles.split()}
_LINES = re.compile(r"[/|\n]")
# Ends at the next bracket of either kind: a text of brackets must not take quadratic time.
BRACKETS = re.compile(r"[(\[（［【][^(\[（［【)\]）］】]*[)\]）］】]")


def column_of(cell: str) -> str | None:
    """Return our column of a title, which may be in two languages, such as "日期 Date"."""
    whole = _OURS.get(_plain(cell))
    if whole:
        return whole
    parts = [part for piece in _LINES.split(cell) for part in HAN_OR_NOT.findall(piece)]
    meant = {_OURS[_plain(part)] for part in parts if _plain(part) in _OURS}
    return meant.pop() if len(meant) == 1 else None


def _plain(cell: str) -> str:
    return "".join(char for char in BRACKETS.sub("", cell).casefold() if char.isalnum())
