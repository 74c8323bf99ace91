"""Assigns the file's columns to ours, by usual titles in English and Chinese or by a mapping."""

import json
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from badges.i18n import N_, Count, Phrase, counted
from badges.roster.exports import export_columns, export_of, has_orders_only, places
from badges.roster.mapping import RosterMapping, WantedColumn
from badges.roster.problems import ProblemList, shown
from badges.roster.table import Line, sheet_of

# Usual titles of each of our columns, normalised as in `_normal`.
_SYNONYMS: dict[str, str] = {
    "external_id": "externalid id reference ref registrationid registrationnumber registrationno"
    " attendeeid ordercode regid 编号 报名编号 注册号 注册编号 参会编号 工号"
    " 編號 報名編號 註冊編號 工號",
    "given_name": "givenname givennames firstname firstnames forename forenames vorname prénom"
    " prenom nombre 名 名字",
    "family_name": "familyname lastname surname nachname apellido apellidos 姓 姓氏",
    "name": "name fullname attendeename participantname badgename displayname 姓名 参会人 参会者"
    " 参会人姓名 参会者姓名 嘉宾姓名 中文姓名 嘉賓姓名 參會者 參會者姓名",
    "latin_name": "latinname nameinlatin romanisedname romanizedname englishname passportname"
    " pinyin 拼音 姓名拼音 英文名 英文姓名 拉丁名",
    "organisation": "organisation organization company institution affiliation employer companyname"
    " firma exhibitor exhibitorname 参展商 参展单位 展商 參展商"
    " 单位 单位名称 工作单位 公司 公司名称 机构 组织 企业 單位 單位名稱 公司名稱 機構 組織 企業",
    "job_title": "jobtitle position jobposition positiontitle titleposition designation occupation"
    " professionaltitle function funktion fonction cargo puesto"
    " 职务 职位 职称 职衔 头衔 岗位 职务职称 職務 職位 職稱 職銜 頭銜",
    "country": "country land countryregion countryorregion countrycode nationality 国家 国别"
    " 国家地区 国家或地区 国籍 國家 國籍 國家地區",
    "email": "email emailaddress mail emails 邮箱 电子邮箱 电子邮件 邮件 邮箱地址 电邮"
    " 郵箱 電子郵箱 電子郵件 電郵 電子信箱 信箱",
    "phone": "phone phonenumber phoneno telephone telephonenumber tel telno mobile mobilephone"
    " mobilenumber mobileno cell cellphone cellphonenumber handy telefon teléfono téléphone"
    " 电话 电话号码 联系电话 手机 手机号 手机号码 移动电话 電話 電話號碼 聯繫電話 聯絡電話 手機"
    " 手機號 手機號碼 行動電話",
    "order_number": "ordernumber orderno orderid ordernr bookingnumber bookingreference"
    " confirmationnumber confirmationcode 订单号 订单编号 订单号码 確認碼 确认号 确认码 訂單號"
    " 訂單編號 訂單號碼",
    "category": "category type attendeetype ticket tickettype ticketname badgetype role product"
    " 类别 身份 参会类别 参会身份 票种 证件类型 证件类别 人员类别 嘉宾类别"
    " 類別 參會類別 票種 證件類別",
    "days": "days day validdays eventdays 天 参会天 有效日 有效天数 参会日期 有效日期",
    "zones": "zones zone area areas accesszones 区域 通行区域 可入区域 區域",
    "invitations": "invitations invitation invitedsessions sessions sessioncodes"
    " 邀请 受邀会议 受邀论坛",
    "language": "language lang locale preferredlanguage 语言 语种 語言 語種",
    "accessible": "accessible accessibleplace accessibleseat wheelchair 轮椅 无障碍席位",
    "status": "status orderstatus attendeestatus registrationstatus registrationstate bookingstatus"
    " ticketstatus paymentstatus cancelled canceled iscancelled iscanceled 状态 订单状态 报名状态"
    " 注册状态 审核状态 支付状态 付款状态 缴费状态 参会状态 已取消 是否取消"
    " 狀態 訂單狀態 報名狀態 審核狀態",
}
_CONTACTS = frozenset("contact contactname contactperson 联系人 联系人姓名 聯絡人 聯繫人".split())
COLUMNS = tuple(_SYNONYMS)
NAMES = frozenset({"given_name", "family_name", "name"})
# Names for messages and pages, in the order of a page's lists.
COLUMN_WORDS = {
    "given_name": N_("Given name"),
    "family_name": N_("Family name"),
    "name": N_("Name"),
    "category": N_("Category"),
    "organisation": N_("Organisation"),
    "job_title": N_("Job title"),
    "email": N_("E-mail"),
    "external_id": N_("Registration"),
    "latin_name": N_("Name in Latin letters"),
    "country": N_("Country"),
    "phone": N_("Telephone"),
    "order_number": N_("Order number"),
    "days": N_("Days"),
    "zones": N_("Zones"),
    "invitations": N_("Invitations"),
    "language": N_("Language"),
    "accessible": N_("Accessible place"),
    "status": N_("Status of the order"),
}
_OURS = {word: column for column, words in _SYNONYMS.items() for word in words.split()}
# Titles of columns that only number the rows. Such a number is no id: it changes when a person is
# added or the rows are sorted.
_ROW_NUMBERS = frozenset(
    "序号 行号 项次 次序 no nr num number row rownumber rownum sn sno serialno index lfdnr".split()
)
# Titles that give way to any other title of the same column.
_SECOND_CHOICES = frozenset({"nationality", "国籍", "國籍", "professionaltitle", "职称", "職稱"})
# Ends at the next bracket of either kind: a text of brackets must not take quadratic time.
_IN_BRACKETS = re.compile(r"[(\[（［【][^(\[（［【)\]）］】]*[)\]）］】]")
_HAN_OR_NOT = re.compile(r"[\u4e00-\u9fff]+|[^\u4e00-\u9fff]+")


@dataclass
class Columns:
    """The indexes in a header of each of our columns. Several indexes of a column are read
    together.
    """

    indexes: dict[str, tuple[int, ...]]
    # Of columns with several candidates, of which the first is in `indexes`.
    candidates: dict[str, list[int]]
    ignored: frozenset[int]  # by the organiser's choice


def find_columns(header: Sequence[str], mapping: RosterMapping, problems: ProblemList) -> Columns:
    """Precedence: places that were chosen, a mapping's titles, a known export's titles, usual
    titles. The status is found by `status_columns`.
    """
    placed: dict[str, tuple[int, ...]] = {}
    for index, column in sorted(mapping.places.items()):
        if column and index < len(header):
            placed[column] = (*placed.get(column, ()), index)
    wanted = {key: value for key, value in mapping.columns.items() if key not in placed}
    taken = set(mapping.places)
    columns = placed | {
        column: indexes
        for column, indexes in _mapped(header, wanted, problems).items()
        if taken.isdisjoint(indexes)
    }
    taken.update(index for indexes in columns.values() for index in indexes)
    export = export_of(header)
    if export is not None:
        for column, indexes in export_columns(export, header).items():
            if column not in columns and taken.isdisjoint(indexes):
                columns[column] = indexes
        taken.update(index for indexes in columns.values() for index in indexes)
    usual, candidates = _usual(header, columns, taken)
    if export is not None and "external_id" in export.columns:
        usual.pop("external_id", None)  # an order's code alone does not identify one person
    if not NAMES & (columns.keys() | usual.keys()):
        contact = _contact(header, taken)
        usual |= {} if contact is None else {"name": (contact,)}
    ignored = frozenset(index for index, column in mapping.places.items() if not column)
    return Columns(columns | usual, candidates, ignored)


def _contact(header: Sequence[str], taken: Collection[int]) -> int | None:
    """The column of contacts. In a list of exhibitors they are the people."""
    places = (index for index, title in enumerate(header) if _normal(title) in _CONTACTS)
    return next((index for index in places if index not in taken), None)


def resembled(title: str, missing: Collection[str]) -> list[str]:
    """The columns in `missing` whose usual titles are part of this one, such as organisation and
    job_title for 工作单位及职务. Longer parts come first.
    """
    plain = _normal(title)
    usual = sorted(_OURS, key=len, reverse=True)
    inside = (_OURS[word] for word in usual if _is_telling(word) and word in plain)
    return [column for column in dict.fromkeys(inside) if column in missing]


def _is_telling(word: str) -> bool:
    return len(word) >= (5 if word.isascii() else 2)


def _usual(
    header: Sequence[str], columns: Mapping[str, tuple[int, ...]], taken: Collection[int]
) -> tuple[dict[str, tuple[int, ...]], dict[str, list[int]]]:
    candidates: dict[str, list[int]] = {}
    doubtful: dict[str, list[int]] = {}
    for index, title in enumerate(header):
        column = column_of(title)
        # A file may have several status columns; `status_columns` finds them.
        if column and column != "status" and column not in columns and index not in taken:
            candidates.setdefault(column, []).append(index)
    usual: dict[str, tuple[int, ...]] = {}
    for column, indexes in candidates.items():
        first = [choice for choice in indexes if _normal(header[choice]) not in _SECOND_CHOICES]
        indexes = first or indexes
        exact = [index for index in indexes if _normal(header[index]) == column.replace("_", "")]
        if len(indexes) > 1 and len(exact) != 1:
            doubtful[column] = indexes
        usual[column] = ((exact or indexes)[0],)
    return usual, doubtful


def status_columns(
    header: Sequence[str], columns: Mapping[str, tuple[int, ...]], ignored: Collection[int] = ()
) -> list[int]:
    """The indexes of columns with an order's status: those of a mapping, else of a known export,
    else all with usual titles, without `ignored`.
    """
    if "status" in columns:
        return list(columns["status"])
    export = export_of(header)
    own = places(export.statuses, header) if export is not None else []
    own = [index for index in own if index not in ignored]
    if own:
        return own
    taken = {index for indexes in columns.values() for index in indexes} | {*ignored}
    return [
        index
        for index, title in enumerate(header)
        if index not in taken and column_of(title) == "status"
    ]


def wanted_columns(
    header: Sequence[str], columns: Mapping[str, tuple[int, ...]], statuses: Sequence[int]
) -> dict[str, WantedColumn]:
    """A mapping by which these columns are found in another file with the same titles."""
    plain = [_normal(title, keep_brackets=True) for title in header]
    wanted = {}
    for column, indexes in {**columns, "status": tuple(statuses)}.items():
        number = 0
        if len(indexes) == 1 and plain.count(plain[indexes[0]]) > 1:
            number = plain[: indexes[0] + 1].count(plain[indexes[0]])
        if indexes:
            titles = tuple(header[index].strip() for index in indexes)
            wanted[column] = WantedColumn(titles, number)
    return wanted


def counts_rows(title: str) -> bool:
    """Whether the title is of row numbers, such as 序号, No. or #."""
    return title.strip() in ("#", "＃", "№") or _normal(title) in _ROW_NUMBERS


def _mapped(
    header: Sequence[str], mapping: Mapping[str, WantedColumn], problems: ProblemList
) -> dict[str, tuple[int, ...]]:
    columns = {}
    for column, wanted in mapping.items():
        if column not in COLUMNS:
            problems.add(
                None,
                None,
                Phrase(
                    "the mapping names %(column)s: use one of %(columns)s",
                    column=shown(column),
                    columns=", ".join(COLUMNS),
                ),
            )
            continue
        indexes = [
            _mapped_index(header, column, title, wanted, problems) for title in wanted.titles
        ]
        there = tuple(index for index in indexes if index is not None)
        if len(there) == len(indexes):
            columns[column] = there
    return columns


def _mapped_index(
    header: Sequence[str], column: str, title: str, wanted: WantedColumn, problems: ProblemList
) -> int | None:
    plain = _normal(title, keep_brackets=True)
    same = [at for at, other in enumerate(header) if _normal(other, keep_brackets=True) == plain]
    if wanted.number and wanted.number <= len(same):
        return same[wanted.number - 1]
    if len(same) == 1 and not wanted.number:
        return same[0]
    named, has = shown(title), _listed(header)
    if wanted.number:
        message = counted(
            "the mapping needs another column %(title)s, but only %(num)s column has that title."
            " The columns are: %(has)s",
            "the mapping needs another column %(title)s, but only %(num)s columns have that title."
            " The columns are: %(has)s",
            len(same), title=named, has=has,
        )  # fmt: skip
    elif same:
        message = Phrase(
            "the mapping needs a column %(title)s, and several columns have that title. Write"
            " %(example)s for the first one. The columns are: %(has)s",
            title=named, has=has, example=f"{column} = {{ title = …, number = 1 }}",
        )  # fmt: skip
    else:
        message = Phrase(
            "the mapping needs a column %(title)s, but no column has that title. The columns are:"
            " %(has)s",
            title=named, has=has,
        )  # fmt: skip
    problems.add(None, column, message)
    return None


def require_columns(
    columns: Mapping[str, tuple[int, ...]],
    titles: Line,
    rows: Sequence[Line],
    mapping: RosterMapping,
    problems: ProblemList,
) -> None:
    line, header = titles.number, titles.cells
    has = Phrase(
        "the file has %(header)s. Add it, or name it in a mapping",
        header=_listed(header),
    )
    if has_orders_only(header):
        problems.add(
            line,
            None,
            Phrase(
                "this is pretix's list of orders, which names no attendees. Export the "
                "order positions, or choose that sheet with --sheet"
            ),
        )
        return
    if not NAMES & columns.keys():
        problems.add(
            line, "given_name", Phrase("no column for names (given_name or name): %(has)s", has=has)
        )
    if "category" in columns:
        return
    sheets = {sheet_of(row.number) for row in rows}
    bare = [sheet for sheet in sorted(sheets) if sheet and not mapping.sheets.get(sheet)]
    if bare:
        problems.add(
            line,
            "category",
            Phrase(
                "no column for the category: %(has)s. Where all people of a sheet have the same "
                'one, a mapping can give it: under [sheets], %(sheet)s = "delegate"',
                has=has,
                sheet=json.dumps(bare[0], ensure_ascii=False),
            ),
        )
    elif not any(sheets) and not mapping.categories.get(""):
        problems.add(
            line,
            "category",
            Phrase(
                "no column for the category: %(has)s. Where everybody has the same one, "
                'a mapping can give it: under [categories], "" = "delegate"',
                has=has,
            ),
        )


def _listed(header: Sequence[str]) -> str:
    names = [shown(title) for title in header if title.strip()]
    more = Phrase(" and %(count)s more", count=Count(len(names) - 12)) if len(names) > 12 else ""
    return ", ".join(names[:12]) + more


def column_of(title: str) -> str | None:
    """Our column with a title such as "E-mail *", "姓名（必填）" or "单位 Company"."""
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
