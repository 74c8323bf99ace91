"""Lists words that the made-up people and organisations are put together from, by script and
language.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """Says where a person is from, by a language, its countries, and names in the country's
    script.
    """

    language: str
    countries: tuple[str, ...]  # ISO 3166 alpha-2
    given: tuple[str, ...]
    family: tuple[str, ...]
    weight: int  # How many of 100 people have them.


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ORIGINS = (
    Origin(
        "zh",
        ("CN", "CN", "CN", "CN", "SG"),
        _words(
            "晨曦 海岚 若溪 景行 明澈 知远 雨桐 思齐 望舒 云帆 清和 書瑤 嘉禾 子衿 星野"
            " 沐阳 语冰 安澜 予墨 昭宁"
        ),
        _words("柏 岑 戴 端木 樊 宫 洪 蓝 柳 慕容 欧阳 裴 秋 上官 苏 谭 尉迟 温 夏侯 颜 叶 祝 邹"),
        46,
    ),
    Origin(
        "ar",
        ("EG", "AE", "MA", "JO", "SA"),
        _words("ليلى سامر نور يزن هالة فارس ريم زياد سلمى طارق دانة عمرو رنا باسل"),
        _words("الحداد النجار الصباغ البستاني الخياط الزيتوني الورّاق القمري الساحلي الريحاني"),
        8,
    ),
    Origin(
        "ru",
        ("RU", "KZ", "BY", "RS", "BG"),
        _words("Арина Тимур Злата Родион Мирослав Варвара Ёлка Савва Олеся Глеб Таисия Игнат"),
        _words("Озёрный Лесняк Ветрова Полевой Березюк Снегова Соколик Дубрава Речной Звягин"),
        8,
    ),
    Origin(
        "hi",
        ("IN", "IN", "NP"),
        _words("अनन्या विहान मीरा आरव ईशान तारा रोहिणी कबीर नंदिनी शौर्य वेदिका ध्रुव"),
        _words("सागर पर्वतिया चंद्रवंशी दीपांकर नदीवाला बगीचा सूर्यकांत मेघवर्ण"),
        7,
    ),
    Origin(
        "th",
        ("TH",),
        _words("กานต์ ปรียา ธนภัทร ชลธิชา ภูมิ นิรันดร์ อรุณี วายุ ดารา สายฟ้า"),
        _words("ทองสว่าง ศรีธารา วงศ์ภูผา แสงจันทร์ดี รุ่งอรุณศิลป์ บุญนที ใจเมตตา"),
        5,
    ),
    Origin(
        "fr",
        ("FR", "BE", "CA", "CH"),
        _words("Zoé Anaïs Léandre Océane Théo Maël Élodie Gaëtan Noémie Loïc"),
        _words("Boisvert d’Aubépine Fontenoÿ Lefeuvrier Côtérive Prévallon Beauchêne"),
        6,
    ),
    Origin(
        "es",
        ("ES", "MX", "CL", "AR"),
        _words("Íñigo Belén Ángela Joaquín Lucía Matías Sofía Tomás"),
        _words("Peñalver Ibáñiz Muñozal Fuentesaúco Cordón Güellar Riofrío"),
        5,
    ),
    Origin(
        "pl",
        ("PL", "CZ", "SK"),
        _words("Łucja Świętosława Bożena Mściwój Jiří Žofie Kryštof Zdzisława"),
        _words("Wiśnicz Źródlak Dębowczyk Křížanka Šípek Jabłonek Żurawiec"),
        5,
    ),
    Origin(
        "vi",
        ("VN",),
        _words("Thảo Hương Dũng Khánh Quỳnh Bảo Ngọc Tuấn"),
        _words("Đặng Nguyễn Phạm Vũ Hồ Bùi Đoàn"),
        3,
    ),
    Origin(
        "tr",
        ("TR", "AZ"),
        _words("Çağla Gökçe İlkay Ömür Şebnem Yiğit Doğa"),
        _words("Gümüşdağ Işıkçı Özgürel Çamlıca Denizoğlu Yeşilırmak"),
        3,
    ),
    Origin(
        "en",
        ("GB", "US", "KE", "AU", "NG"),
        _words("Rowan Juniper Silas Maren Tobin Wren Ellis Imogen Corwin Sable"),
        _words("Fairhaven O’Dell Marshgate Thistlewood Pennyfield Brackwater Oakhurst Windle"),
        4,
    ),
)

# Organisations, each with a place that is on no map and what is done there.
ORGANISATIONS_ZH = (
    _words("云麓 澄江 北湖 星桥 松石 远帆 鹤鸣 青禾 白塔 望海"),
    _words("量子科技 生物医药 智能装备 大学 研究院 数据中心 新能源 材料实验室 出版社 创投"),
)
ORGANISATIONS = (
    _words("Larkmoor Veyra Ostwick Halden Brightwell Caldera Northfold Silvermere Tamsin Arbor"),
    (
        "Quantum", "Institute of Technology", "Robotics", "University", "Biosciences",
        "Grid & Storage", "Materials Lab", "Press Agency", "Ventures", "Space Systems",
    ),
)  # fmt: skip

# Topics of sessions, as (English, Chinese).
TOPICS = (
    ("Quantum Information", "量子信息"),
    ("Brain-Computer Interfaces", "脑机接口"),
    ("Open Source", "开源"),
    ("Commercial Space", "商业航天"),
    ("Gene and Cell Therapy", "基因与细胞治疗"),
    ("Carbon-Neutral Cities", "碳中和城市"),
    ("Large Models", "大模型"),
    ("Hydrogen", "氢能"),
    ("Integrated Circuits", "集成电路"),
    ("Digital Farming", "数字农业"),
    ("6G", "6G"),
    ("New Materials", "新材料"),
    ("Intelligent Vehicles", "智能网联汽车"),
    ("Patents and Standards", "专利与标准"),
    ("Science for the Young", "青少年科学"),
    ("Women in Science", "女性科技"),
    ("Deep Sea", "深海"),
    ("Robotics", "机器人"),
    ("Data Governance", "数据治理"),
    ("Medical Devices", "医疗器械"),
    ("Venture Capital", "创业投资"),
    ("Photonics", "光子学"),
    ("Synthetic Biology", "合成生物"),
    ("Energy Storage", "储能"),
    ("Smart Manufacturing", "智能制造"),
)
FORMATS = (
    ("Forum on", "论坛"),
    ("Workshop:", "研讨会"),
    ("Dialogue:", "对话"),
    ("Launch:", "成果发布"),
    ("Summit on", "峰会"),
    ("Matchmaking:", "对接会"),
)
