"""People with names of many scripts and all lengths, for drawn cards."""

from dataclasses import replace

from badges.printing.card import Card, Day
from badges.printing.latin import latin_name
from badges.printing.look import Back, Look, ProgrammeItem
from tests.badges.printing.cards import ANNA

LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40" width="40" height="40">'
    '<circle cx="20" cy="20" r="18" fill="#0b5cad"/>'
    '<path d="M8 24q6-8 12 0t12 0" stroke="#fff" stroke-width="3" fill="none"/></svg>'
)
BACK = Back(
    programme=(
        ProgrammeItem("25 May 09:30", ("开幕式", "Opening ceremony"), "Hall 1 一号厅"),
        ProgrammeItem("25 May 14:00", ("人工智能与治理", "AI and governance"), "Hall 3"),
        ProgrammeItem("26 May 10:00", ("企业家对话", "Dialogue of entrepreneurs"), "Hall 2"),
        ProgrammeItem("27 May 16:00", ("闭幕式", "Closing ceremony"), "Hall 1"),
    ),
    wifi_name="HARBOUR-FORUM",
    wifi_password="lighthouse-26",
    help=("+49 40 5550 1234", "Desk: Hall 1, gate B", "一号厅 B 门服务台"),
)
FORUM = Look(
    "全球数字论坛海港峰会",
    "Global Digital Forum Harbour Summit",
    dates="2026年5月25–27日 · 25–27 May 2026",
    logo=LOGO,
)
_CATEGORIES = (
    ("代表", "Delegate", "D", "#0b47cf"), ("演讲嘉宾", "Speaker", "S", "#5a0a8a"),
    ("参展商", "Exhibitor", "X", "#0d8088"), ("媒体", "Press", "P", "#2a1a08"),
    ("工作人员", "Staff", "T", "#4a4a4a"), ("贵宾", "VIP", "V", "#857508"),
    ("观众", "Visitor", "N", "#0e5010"),
)  # fmt: skip
# Given name, family name, organisation, country, and language.
_PEOPLE = (
    ("子衿", "柳", "中国互联网络信息中心", "China", "zh"),
    ("Anna", "Ødegård", "Fjord & Sønner AS", "Norway", "nb"),
    ("გიორგი", "მაისურაძე", "თბილისის სახელმწიფო უნივერსიტეტი", "Georgia", "ka"),
    ("محمد", "الفارسي", "جامعة الملك سعود (KSU)", "Saudi Arabia", "ar"),
    ("דוד", "כהן", "הטכניון – מכון טכנולוגי לישראל", "Israel", "he"),
    ("สมชาย", "ศรีสุวรรณ", "จุฬาลงกรณ์มหาวิทยาลัย", "Thailand", "th"),
    ("ปรียา", "", "กระทรวงดิจิทัลเพื่อเศรษฐกิจและสังคม", "Thailand", "th"),
    ("សុខា", "ចាន់", "សាកលវិទ្យាល័យភូមិន្ទភ្នំពេញ", "Cambodia", "km"),
    ("བསྟན་འཛིན་", "རྒྱ་མཚོ་", "བོད་ལྗོངས་སློབ་གྲྭ་ཆེན་མོ་", "China", "bo"),
    ("प्रियंका", "श्रीवास्तव", "भारतीय प्रौद्योगिकी संस्थान दिल्ली", "India", "hi"),
    ("အောင်ဆန်း", "စုကြည်", "ရန်ကုန်တက္ကသိုလ်", "Myanmar", "my"),
    ("Анастасия", "Щербакова", "Московский государственный университет", "Russia", "ru"),
    ("Αθηνά", "Παπαδοπούλου", "Εθνικό Μετσόβιο Πολυτεχνείο", "Greece", "el"),
    ("さくら", "山田", "独立行政法人情報処理推進機構", "Japan", "ja"),
    ("민준", "김", "한국인터넷진흥원", "South Korea", "ko"),
    ("Ngọc Ánh", "Nguyễn Thị", "Đại học Bách khoa Hà Nội", "Viet Nam", "vi"),
    ("Դավիթ", "Հակոբյան", "Երևանի պետական համալսարան", "Armenia", "hy"),
    ("ሰላማዊት", "ተስፋዬ", "አዲስ አበባ ዩኒቨርሲቲ", "Ethiopia", "am"),
    ("தமிழ்செல்வி", "முருகன்", "அண்ணா பல்கலைக்கழகம்", "India", "ta"),
    ("অনিন্দ্য", "চট্টোপাধ্যায়", "ঢাকা বিশ্ববিদ্যালয়", "Bangladesh", "bn"),
    ("ສົມສັກ", "", "ມະຫາວິທະຍາໄລແຫ່ງຊາດ", "Laos", "lo"),
    ("Wolfeschlegelsteinhausenbergerdorff", "von Habsburg-Lothringen", "Bundesamt für "
     "Sicherheit in der Informationstechnik", "Germany", "de"),
    ("Maria Fernanda Alexandra de los Ángeles", "García-Márquez y Fernández de Córdoba",
     "Instituto Nacional de Estadística, Geografía e Informática de los Estados Unidos Mexicanos",
     "Mexico", "es"),
    ("阿卜杜热合曼·买买提", "", "新疆维吾尔自治区互联网信息办公室网络安全指挥处", "China", "zh"),
    ("Li", "", "", "", "en"),
    ("Bo", "Ek", "Ö", "Sweden", "sv"),
    ("Thiruvananthapuram Venkatasubramanian", "Balasubrahmanyam", "Internet Corporation for "
     "Assigned Names and Numbers, Office of the Chief Technology Officer", "India", "en"),
    ("修", "欧阳", "清华大学", "China", "zh"),
    ("Ananthalakshmi", "Krishnamurthy", "UNESCO", "India", "en"),
    ("Jean-Baptiste", "de la Rochefoucauld-Montbel", "Organisation internationale de la "
     "Francophonie, Direction de la Francophonie économique et numérique", "France", "fr"),
)  # fmt: skip


def people() -> list[Card]:
    """Thirty cards, of every category."""
    cards = []
    for at, (given, family, organisation, country, language) in enumerate(_PEOPLE):
        name, second, letter, colour = _CATEGORIES[at % len(_CATEGORIES)]
        cards.append(
            replace(
                ANNA,
                given_name=given,
                family_name=family,
                organisation=organisation,
                country=country,
                language=language,
                latin_name=latin_name(given, family, language),
                category_name=name,
                category_second_name=second,
                category_letter=letter,
                category_colour=colour,
                badge_number=f"{at + 1:02}K3Q",
                zones=() if at % 3 else ("VIP", "STAGE"),
                days=tuple(Day(str(25 + day), at % 4 != day) for day in range(3)),
            )
        )
    return cards
