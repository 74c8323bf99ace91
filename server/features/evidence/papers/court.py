"""Writes the export's folder `court`, for a court and both parties' lawyers.

It explains each signature's legal worth, with sources, and how to check it with independent tools.
"""

from collections.abc import Mapping


def files(values: Mapping[str, object], sums: Mapping[str, str]) -> dict[str, bytes]:
    """Return the folder's files by name. `values` fill placeholders; `sums` are the other files'
    SHA-256.
    """
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
    return {
        "court/EVIDENCE.en.txt": _ENGLISH.format_map(values).encode(),
        "court/EVIDENCE.zh.txt": _CHINESE.format_map(values).encode(),
        "court/SHA256SUMS": lines.encode(),
    }


_ENGLISH = """{event}
THE ENTRY LOG BEFORE A COURT

Entries {size}. Root of all of them: {root}
Records shown: {selection}. Kiosks that cosigned: {kiosks}. Witnesses outside: {witnesses}.
Time stamps: {stamps}.
The log's key, to be compared with what the organiser gave by another way:
  {key}

This page says what each part is worth as evidence, and its limits. It is no legal advice.

1  THE LOG'S SIGNATURE (file "checkpoint")
   It shows: the organiser, who holds the key, stands by exactly these entries in this order.
   It does not show: that there is no second log. The same key could sign another one. Nor whose
   key it is, unless it was given by another way before the dispute.
   European Union: it is an electronic signature or seal, not a qualified one. Regulation (EU)
   No 910/2014 (eIDAS), Articles 25(1) and 35(1): it may not be refused as evidence merely because
   it is electronic or not qualified. What it proves, the court weighs freely.

2  EACH KIOSK'S SIGNATURE (in "records.txt", keys in "keys.json")
   It shows: the device at that door recorded these scans, in this order and without a gap.
   It does not show: who carried the badge, or that the device's clock was right.

3  COSIGNATURES OF KIOSKS AND WITNESSES (folders "witness" and "outside")
   They show: that device or witness saw a log of this size and root, and it was the continuation
   of what it had seen before. A log that was written anew contradicts them. This is what speaks
   against a second version.
   Limits: kiosks belong to the organiser, so a witness outside weighs more. A cosignature covers
   the entries up to its own size and none after it.

4  TIME STAMPS (folder "stamp", if there is one)
   They show: this checkpoint, and so every entry up to its size, existed at the stamped time.
   A stamp proves when. It does not prove that there is no second version, and not that what a
   record says is true.
   European Union: eIDAS Article 41(1): no stamp may be refused as evidence merely because it is
   electronic or not qualified. Article 41(2): a qualified one is presumed right in its date and
   time, and in the integrity of what it stamps. Whether the authority is qualified stands in the
   trusted list of its country (Article 22), not here.

5  CHINA
   Provisions of the Supreme People's Court on cases in internet courts (Fa Shi [2018] No. 16),
   Article 11: electronic data is examined as to how it was made, collected, stored and sent. Where
   its authenticity is shown by electronic signatures, trusted time stamps, hash checks,
   blockchains or like means, the internet court shall confirm it.
   Parts 1 to 3 are electronic signatures and hash checks, part 4 a time stamp. Limits: the article
   binds the internet courts. Other courts weigh electronic data by Articles 93 and 94 of the
   provisions on evidence in civil proceedings (2019). What is confirmed is that the data was not
   altered since. What was recorded in the first place, other evidence must show.

HOW TO CHECK IT WITH TOOLS OF OTHERS
   Files beside the tree are those that were exported:
     sha256sum -c court/SHA256SUMS
   The tree, its tiles and root, with a verifier that we did not write (Python 3.12):
     pip install aics-tlog        (aics_tlog.verify_checkpoint, aics_tlog.audit_tiles)
   A time stamp, with the authority's certificate from the authority itself:
     openssl ts -verify -data stamp/0.note -in stamp/0.tsr -CAfile stamp/ca.pem
     openssl ts -reply -in stamp/0.tsr -text
   Everything, kiosks' chains and cosignatures too, with one file that can be read (Python 3.11):
     python3 verify.py . --key "{key}"
   The commands run in the folder of the export. Of a zip, unpack it first.
"""

_CHINESE = """{event}
入场日志作为证据

条目 {size} 条。全部条目的根哈希：{root}
所示记录：{selection}。联署的验证机：{kiosks}。外部见证人：{witnesses}。时间戳：{stamps}。
入场日志的密钥（请与主办方经其他途径交付的密钥核对）：
  {key}

本页说明各部分作为证据的作用与限度，不构成法律意见。

一、入场日志的签名（文件 "checkpoint"）
   能证明：持有密钥的主办方认可这些条目及其先后顺序，不多不少。
   不能证明：不存在第二份记录，因为同一密钥也可以为另一份记录签名；
   也不能证明密钥属于谁，除非该密钥在争议发生前已经其他途径交付。
   欧盟：属于电子签名或电子印章，但不是合格电子签名。《欧盟第 910/2014 号条例》（eIDAS）
   第 25 条第 1 款、第 35 条第 1 款：不得仅因其为电子形式或不属合格签名而拒绝作为证据。
   证明力由法院自由判断。

二、每台验证机的签名（"records.txt"，密钥见 "keys.json"）
   能证明：该门口的设备按此顺序、无间断地记录了这些扫描。
   不能证明：由谁佩戴证件，以及设备时钟是否准确。

三、验证机与见证人的联署（文件夹 "witness" 与 "outside"）
   能证明：该设备或见证人见过此大小与根哈希的记录，且它是其先前所见记录的延续。
   事后重写的记录会与之矛盾。能够排除第二个版本的，是这一部分。
   限度：验证机属于主办方，外部见证人的分量更重；每个联署只覆盖到其自身所载的条目数为止。

四、时间戳（文件夹 "stamp"，如有）
   能证明：该检查点以及其中每一条目，在盖戳时已经存在。
   时间戳证明“何时”，不证明没有第二个版本，也不证明记录内容属实。
   欧盟：eIDAS 第 41 条第 1 款：不得仅因其为电子形式或不合格而拒绝作为证据。
   第 41 条第 2 款：合格时间戳推定其日期、时间准确，且所盖数据完整。
   该机构是否合格，以其所在国的信任名单（第 22 条）为准，不由本页说明。

五、中国
   《最高人民法院关于互联网法院审理案件若干问题的规定》（法释〔2018〕16号）第十一条：
   对电子数据，审查其生成、收集、存储、传输过程的真实性；通过电子签名、可信时间戳、
   哈希值校验、区块链等技术手段能够证明其真实性的，互联网法院应当确认。
   第一至三部分为电子签名与哈希值校验，第四部分为时间戳。
   限度：该条约束互联网法院；其他法院依《最高人民法院关于民事诉讼证据的若干规定》
   （2019 年修正）第九十三条、第九十四条判断。所确认的是数据此后未被篡改；
   最初记录的内容是否属实，须由其他证据证明。
   时间戳机构是否属于“可信”时间戳服务，由法院认定。

如何用他人的工具核验
   导出的附带文件是否原样：
     sha256sum -c court/SHA256SUMS
   记录树、分片与根哈希，使用非本软件作者编写的工具（Python 3.12）：
     pip install aics-tlog        （aics_tlog.verify_checkpoint、aics_tlog.audit_tiles）
   时间戳（机构证书请向机构本身索取）：
     openssl ts -verify -data stamp/0.note -in stamp/0.tsr -CAfile stamp/ca.pem
     openssl ts -reply -in stamp/0.tsr -text
   全部内容，包括验证机的签名链与联署，使用一个可供阅读的文件（Python 3.11）：
     python3 verify.py . --key "{key}"
   以上命令在导出文件夹中运行；若为 zip，请先解压。
"""
