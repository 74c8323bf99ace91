"""The README of each export, written for lawyers."""

from collections.abc import Mapping

_TEXT = """{event}
ENTRY LOG: EVIDENCE FOR EXAMINATION  (中文见下)

What this is
  A copy of the event's entry log: every scan of a badge at a door and every act of staff,
  {size} entries in the order in which they were recorded. Records shown here: {selection}.

What it proves
  1. Completeness and order. The file "checkpoint" is signed with the log's key. It fixes all
     entries. None can be changed, added, removed or moved without this being found.
  2. Origin. Each kiosk at a door signed its own scans with its own key. The organiser can neither
     make up a scan of a kiosk nor drop one unnoticed.
  3. One history. Kiosks cosigned checkpoints that they saw (folder "witness"), and so did
     witnesses outside, if there is a folder "outside". A log that was written anew afterwards
     contradicts them.
  4. When, if there is a folder "stamp": an authority stamped the time on checkpoints. All entries
     up to a checkpoint's size were there then.

What it does not prove
  - Who carried the badge. A record names a badge by its number. The organiser's roster says whose
    it is, and "names.json" says what halls and doors are called. Neither is part of the log.
  - When, beyond time stamps and the clocks of the kiosks and the server. The order of entries is
    proven.
  - That the log's key is the organiser's. Compare it with what they gave you by another way:
    {key}

What is not shown
  Of other entries only a commitment is here: a number that fixes the record and tells nothing
  about it. Where a person's data was erased, the record and its salt were deleted, and the
  commitment stays. So erasure breaks no proof.

How to examine it
  python3 verify.py .          (Python 3.11 or later with the package "cryptography"; no network)
  It prints VERIFIED, or REFUSED with what is wrong. Take verify.py from a source that you trust,
  or read it: it is one file. The folder "tile" and the file "checkpoint" follow public
  specifications (c2sp.org: tlog-tiles, tlog-checkpoint, signed-note, tlog-cosignature), so tools
  of others check them too.
  "records.txt" has a line for each record: its number, its salt, and the record as JSON.

----------------------------------------------------------------------------------------------------

入场日志：供审查的证据

这是什么
  本活动入场日志的副本：每次在门口扫描证件、每次工作人员的操作，按记录先后排列，共 {size} 条。
  此处展示的记录：{selection}。

能证明什么
  1. 完整与顺序。文件 "checkpoint" 由入场日志的密钥签名，固定了全部条目。
     任何修改、添加、删除或移动都会被发现。
  2. 来源。每台门口终端用自己的密钥为自己的扫描签名。
     主办方无法伪造或悄悄删去某台终端的扫描。
  3. 只有一份历史。各终端对其见过的检查点作了联署（文件夹 "witness"）；
     如有文件夹 "outside"，外部见证人也作了联署。事后重写的记录会与之矛盾。
  4. 时间（如有文件夹 "stamp"）。时间戳机构为检查点加盖了时间戳，
     检查点所含条目在该时刻均已存在。

不能证明什么
  - 谁佩戴证件。记录只写证件号；
    持证人是谁由主办方名单说明，"names.json" 说明厅与门的名称，二者都不属于入场日志。
  - 超出时间戳及终端与服务器时钟的时间。条目的先后顺序是经证明的。
  - 入场日志的密钥确属主办方。请与其经其他途径交给您的密钥核对：
    {key}

未展示的内容
  其他条目只有承诺值：一个固定了记录、却不透露记录内容的数。个人数据被删除时，记录及其盐值已销毁，
  承诺值保留，因此删除不会破坏任何证明。

如何审查
  python3 verify.py .          （Python 3.11 及以上，安装 "cryptography"；无需网络）
  结果为 VERIFIED（通过）或 REFUSED（拒绝，并指出问题）。
  请从您信任的来源取得 verify.py，或自行阅读：它只有一个文件。
  文件夹 "tile" 与文件 "checkpoint" 遵循公开规范（c2sp.org），他人的工具同样可以核验。
  "records.txt" 每行一条记录：编号、盐值、JSON 记录。
"""


def text(names: Mapping[str, str], *, size: int, selection: str, key: str) -> str:
    event = " / ".join(names.values())
    return _TEXT.format(event=event, size=size, selection=selection, key=key)
