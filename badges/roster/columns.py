"""Finds which column of the file is which of ours, by usual names in English and Chinese, or by a
mapping.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence

from badges.roster.problems import ProblemList, shown

# For each of our columns, what others call it, normalised as `_normal` does.
_SYNONYMS: dict[str, str] = {
    "external_id": "externalid id reference ref registrationid registrationnumber registrationno"
    " attendeeid ordercode regid 编号 报名编号 注册号 注册编号 参会编号 工号",
    "given_name": "givenname givennames firstname firstnames forename forenames vorname prénom"
    " prenom nombre 名 名字",
    "family_name": "familyname lastname surname nachname apellido apellidos 姓 姓氏",
    "name": "name fullname attendeename participantname badgename displayname 姓名 参会人 参会者"
    " 参会人姓名 参会者姓名 嘉宾姓名 中文姓名",
    "latin_name": "latinname nameinlatin romanisedname romanizedname englishname passportname"
    " pinyin 拼音 姓名拼音 英文名 英文姓名 拉丁名",
    "organisation": "organisation organization company institution affiliation employer companyname"
    " 单位 单位名称 工作单位 公司 公司名称 机构 组织 企业",
    "country": "country countryregion countryorregion countrycode 国家 国别 国家地区 国家或地区",
    "email": "email emailaddress mail emails 邮箱 电子邮箱 电子邮件 邮件 邮箱地址 电邮",
    "category": "category type attendeetype ticket tickettype ticketname badgetype role product"
    " 类别 身份 参会类别 参会身份 票种 证件类型 证件类别 人员类别 嘉宾类别",
    "days": "days day validdays eventdays 天 参会天 有效日 有效天数 参会日期 有效日期",
    "zones": "zones zone area areas accesszones 区域 通行区域 可入区域",
    "invitations": "invitations invitation invitedsessions sessions sessioncodes"
    " 邀请 受邀会议 受邀论坛",
    "language": "language lang locale preferredlanguage 语言 语种",
    "status": "status orderstatus attendeestatus registrationstatus registrationstate bookingstatus"
    " ticketstatus paymentstatus cancelled canceled iscancelled iscanceled 状态 订单状态 报名状态"
    " 注册状态 审核状态 支付状态 付款状态 缴费状态 参会状态 已取消 是否取消",
}
COLUMNS = tuple(_SYNONYMS)
_OURS = {word: column for column, words in _SYNONYMS.items() for word in words.split()}
# Titles of columns that only count the rows. Such a number is no id, because it changes when
# somebody is added or the rows are sorted.
_ROW_NUMBERS = frozenset(
    "序号 行号 项次 次序 no nr num number row rownumber rownum sn sno serialno index lfdnr".split()
)
_IN_BRACKETS = re.compile(r"[(\[（［【].*?[)\]）］】]")
_HAN_OR_NOT = re.compile(r"[\u4e00-\u9fff]+|[^\u4e00-\u9fff]+")


def find_columns(
    header: Sequence[str], mapping: Mapping[str, str], problems: ProblemList, line: int
) -> dict[str, int]:
    """Return the index in `header` of each of our columns that the file has, and note problems."""
    found = _mapped(header, mapping, problems)
    candidates: dict[str, list[int]] = {}
    for index, title in enumerate(header):
        column = column_of(title)
        if column == "status":
            # A file may have several of these, and `status_columns` finds them.
            continue
        if column and column not in found and index not in found.values():
            candidates.setdefault(column, []).append(index)
    for column, indexes in candidates.items():
        exact = [index for index in indexes if _normal(header[index]) == column.replace("_", "")]
        if len(indexes) > 1 and len(exact) != 1:
            names = " and ".join(shown(header[index]) for index in indexes)
            problems.add(
                line, column, f"{names} could both be it: keep one, or say which in a mapping"
            )
        found[column] = (exact or indexes)[0]
    _require(found, header, problems, line)
    return found


def status_columns(header: Sequence[str], found: Mapping[str, int]) -> list[int]:
    """List the columns that say whether an order stands. They are what a mapping names, else all of
    them.
    """
    if "status" in found:
        return [found["status"]]
    taken = set(found.values())
    return [
        index
        for index, title in enumerate(header)
        if index not in taken and column_of(title) == "status"
    ]


def counts_rows(title: str) -> bool:
    """Tell whether a column with this title numbers the rows, such as 序号, No. or #."""
    return title.strip() in ("#", "＃", "№") or _normal(title) in _ROW_NUMBERS


def _mapped(
    header: Sequence[str], mapping: Mapping[str, str], problems: ProblemList
) -> dict[str, int]:
    titles = [_normal(title, keep_brackets=True) for title in header]
    found = {}
    for column, title in mapping.items():
        wanted = _normal(title, keep_brackets=True)
        if column not in COLUMNS:
            problems.add(
                None, None, f"the mapping names {shown(column)}: use one of {', '.join(COLUMNS)}"
            )
        elif titles.count(wanted) != 1:
            many = "several of" if wanted in titles else "none of"
            problems.add(
                None,
                column,
                f"the mapping looks for {shown(title)}, and {many} the columns are called so:"
                f" {_listed(header)}",
            )
        else:
            found[column] = titles.index(wanted)
    return found


def _require(
    found: Mapping[str, int], header: Sequence[str], problems: ProblemList, line: int
) -> None:
    has = f"the file has {_listed(header)}. Add it, or say in a mapping which one it is"
    if not {"given_name", "family_name", "name"} & found.keys():
        problems.add(line, "given_name", f"no column for names (given_name or name): {has}")
    if "category" not in found:
        problems.add(line, "category", f"no column for the category: {has}")


def _listed(header: Sequence[str]) -> str:
    names = [shown(title) for title in header if title.strip()]
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(names[:12]) + more


def column_of(title: str) -> str | None:
    """Return our column that "E-mail *", "姓名（必填）" or "单位 Company" means, or None."""
    whole = _OURS.get(_normal(title))
    if whole:
        return whole
    parts = [part for piece in re.split(r"[/|\n]", title) for part in _HAN_OR_NOT.findall(piece)]
    meant = {_OURS.get(_normal(part)) for part in parts if _normal(part)}
    return meant.pop() if len(meant) == 1 else None


def _normal(title: str, *, keep_brackets: bool = False) -> str:
    text = unicodedata.normalize("NFKC", title).casefold()
    if not keep_brackets:
        text = _IN_BRACKETS.sub("", text)
    return "".join(char for char in text if char.isalnum())
