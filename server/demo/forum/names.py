"""Name parts by script and language, combined at random, and topics of activities."""

from collections.abc import Iterator
from dataclasses import dataclass

HOME = "CN"  # the country of the demo's forum


@dataclass(frozen=True)
class Origin:
    """A language, its countries, and names in its script."""

    language: str
    countries: tuple[str, ...]
    given: tuple[str, ...]
    family: tuple[str, ...]
    weight: int


# For each origin: its people of 1,000, language and countries (ISO 3166 alpha-2), then given and
# family names.
_NAMES = """
390 zh CN
晨曦 海岚 若溪 景行 明澈 知远 雨桐 思齐 望舒 云帆 \
清和 書瑤 嘉禾 子衿 星野 沐阳 语冰 安澜 予墨 昭宁
柏 岑 戴 端木 樊 宫 洪 蓝 柳 慕容 欧阳 裴 秋 上官 苏 谭 尉迟 温 夏侯 颜 叶 祝 邹

20 zh HK MO SG
曉嵐 穎彤 澤楷 詠詩 俊熙 梓晴 芷瑤 浩賢
鄺 歐陽 龐 鍾 蕭 顏 譚 羅

70 ar EG AE MA JO SA TN DZ OM
ليلى سامر نور يزن هالة فارس ريم زياد سلمى طارق دانة عمرو رنا باسل
الحداد النجار الصباغ البستاني الخياط الزيتوني الورّاق القمري الساحلي الريحاني

45 ru RU KZ BY KG
Арина Тимур Злата Родион Мирослав Варвара Ёлка Савва Олеся Глеб Таисия Игнат
Озёрный Лесняк Ветрова Полевой Березюк Снегова Соколик Дубрава Речной Звягин

6 uk UA
Соломія Ярема Квітка Остап Мирослава Їжакія
Вишневий Ґудзик Левада Сяйво Заграва

5 bg BG
Велина Калоян Ралица Явор Десислава Огнян
Планинов Ръженски Зорница Кестенов Буковска

5 sr RS
Љубица Ђорђе Његош Јасна Милица Жарко
Шумадинац Језеркић Ћуприја Вишњић Његован

5 mn MN
Сарнай Тэмүүлэн Номин Өнөр Хулан Анхбаяр
Тэнгэр Үүлэн Салхит Хөхтолгой Голомт

45 hi IN NP
अनन्या विहान मीरा आरव ईशान तारा रोहिणी कबीर नंदिनी शौर्य वेदिका ध्रुव
सागर पर्वतिया चंद्रवंशी दीपांकर नदीवाला बगीचा सूर्यकांत मेघवर्ण

10 bn BD
অনিন্দিতা সৌরভ মেঘলা তন্ময় শ্রেয়া আকাশ
নদীয়াল মেঘবর্ণ শালবন দীপঙ্কর কাজলরেখা

8 ta LK
தமிழினி கதிரவன் நிலா இளங்கோ யாழினி மாறன்
மலைவேல் கடலரசன் தென்றல் வானவில் நிலவன்

10 ur PK
زرمینہ شایان ماہ‌نور ارسلان گلناز فرہاد
چناری دریاپوری گلستانی پہاڑی ستارہ

8 fa IR
پریسا کیوان نیلوفر آرش گلنار بهمن
کوهستانی چشمه‌ای سپیدرود باغبان ژاله

35 th TH
กานต์ ปรียา ธนภัทร ชลธิชา ภูมิ นิรันดร์ อรุณี วายุ ดารา สายฟ้า
ทองสว่าง ศรีธารา วงศ์ภูผา แสงจันทร์ดี รุ่งอรุณศิลป์ บุญนที ใจเมตตา

4 lo LA
ດາວ ນ້ຳຝົນ ສຸລິຍາ ບົວແກ້ວ ພູທອນ
ແສງຈັນ ພູຄຳ ວົງດາລາ ສາຍນ້ຳ

4 km KH
សុភា រតនា ចន្ទ្រា វិសាល បុប្ផា
ភ្នំខៀវ ទន្លេធំ ផ្កាយព្រឹក សមុទ្រ

4 my MM
နှင်းဆီ သီဟ မိုးစက် ရွှေစင် အောင်လင်း
တောင်ကြီးသား ရေကန်သာ လမင်း နေခြည်

25 ja JP
陽菜 蒼真 さくら 海斗 ひかり 悠斗 みずき レン
星ヶ浦 雲野 霧島田 湊川原 月ヶ瀬野 白樺沢 あおぞら

25 ko KR
가람 나래 도담 하늘 새봄 이든 다솜 슬찬
남궁 선우 황보 제갈 독고 사공 서문

10 el GR CY
Αριάδνη Ορέστης Δάφνη Ίκαρος Θάλεια Λέανδρος
Γαλανόλιμνος Πευκώτης Αστερίου Θαλασσινάκης Ξανθοπέτρης

6 he IL
יערה אלון נועם תמר רותם שקד
הררי־ים שקמוני ענפים כוכבי אגמון

6 ka GE
ნანული ლაშა თამთა გიგა მზია ვაჟა
ტბისპირელი მთვარაძე ცისკარიშვილი ნისლიძე ჭადრაძე

6 hy AM
Անահիտ Տիգրան Նարե Արեգ Լուսինե Վահագն
Լճափյան Արևշատյան Քարաշենյան Ձյունիկյան Աստղունի

8 am ET
ፀሐይ ብርሃኑ ሰላም አበበች ጽጌ ዳዊት
ዝናቡ ተራራው ሐይቁ ኮከቤ ደመናው

30 fr FR BE CA CH SN
Zoé Anaïs Léandre Océane Théo Maël Élodie Gaëtan Noémie Loïc
Boisvert d’Aubépine Fontenoÿ Lefeuvrier Côtérive Prévallon Beauchêne

25 es ES MX CL AR PE CO
Íñigo Belén Ángela Joaquín Lucía Matías Sofía Tomás
Peñalver Ibáñiz Muñozal Fuentesaúco Cordón Güellar Riofrío

15 pt PT BR AO MZ
Inês Conceição João Vitória Tomé Luísa
Ribeirão d’Água Açucena Sertãozinho Guimarãe Lagoão

6 it IT
Niccolò Giosuè Mariù Beatrice Oreste Perla
Montelupòni Vallescura Dell’Ombra Pratoverde

12 de DE AT
Jörg Käthe Söhnke Bärbel Götz Lieselotte
Mühlengrund Großensee Käferwald Süßbach Rötelstein

5 nl NL
Sjoerd Fenna Daniël Eefje Joris Zoë
van der Lindebeek Zeeuwsvliet IJsselbroek Groenewaal

6 sv SE
Åsa Örjan Märta Love Hjördis Björn
Sjöängsvik Åkerlund-Ö Granskär Älvnäs

5 nb NO
Øyvind Åshild Sindre Bjørg Eirik Sølve
Fjordåsen Bjørkøy Snøhaug Tårnvik

5 da DK
Søren Åse Mø Kjeld Signe Jørgen
Ærøborg Lyngsø Håndhøj Bøgelund

5 fi FI
Äijä Väinö Lempi Onni Aino Jyrki
Järvikoivu Pöllöniemi Sädekangas Hämyharju

3 is IS
Þórdís Ægir Sólveig Örn Freyja
Þokudóttir Jökulsson Brimarsson Æsudóttir

18 pl PL
Łucja Świętosława Bożena Mściwój Zdzisława Jaśmina
Wiśnicz Źródlak Dębowczyk Jabłonek Żurawiec

8 cs CZ SK
Jiří Žofie Kryštof Zdeňka Ľubica Ďurko
Křížanka Šípek Řeháčkov Ťažkosť Môstik

4 hu HU
Őrs Ildikó Gergő Tünde Zsófi Ákos
Szőlőhegyi Kővágó Tűzkút Erdőssy

4 ro RO
Ștefania Răzvan Ionuț Ilinca Brândușa
Pădureț Văleanuț Țărmure Izvorâș

5 hr HR SI
Đurđica Željko Nikša Špela Žiga
Jezerščak Šumarović Cvjetić Močilnik

6 lt LT LV EE
Ąžuolas Žydrė Kārlis Dzintra Õnne Ülo
Ežerynas Šilupė Bērziņkalns Õunapõld Käopesa

12 tr TR AZ
Çağla Gökçe İlkay Ömür Şebnem Yiğit Doğa
Gümüşdağ Işıkçı Özgürel Çamlıca Denizoğlu Yeşilırmak

4 uz UZ
Gulnora Oʻtkir Zilola Jahongir Shohsanam
Togʻliq Koʻlboʻyi Yulduzov Chinorzor

12 vi VN
Thảo Hương Dũng Khánh Quỳnh Bảo Ngọc Tuấn
Đặng Nguyễn Phạm Vũ Hồ Bùi Đoàn

10 id ID MY
Sekar Wira Melati Bayu Kirana Jati
Lautbiru Gununghalu Padiemas Rimbajaya

5 fil PH
Ligaya Bituin Magiting Mayumi Niño Amihan
Peñabundok Dalampasig Ulapñon Lawásan

35 en GB US KE AU NG IE NZ ZA GH
Rowan Juniper Silas Maren Tobin Wren Ellis Imogen Corwin Sable
Fairhaven O’Dell Marshgate Thistlewood Pennyfield Brackwater Oakhurst Windle
"""


def _origins() -> Iterator[Origin]:
    for block in _NAMES.strip().split("\n\n"):
        (weight, language, *countries), given, family = map(str.split, block.splitlines())
        yield Origin(language, tuple(countries), tuple(given), tuple(family), int(weight))


ORIGINS = tuple(_origins())
COUNTRIES = tuple(sorted({country for origin in ORIGINS for country in origin.countries}))

# (English, Chinese)
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
    ("Digital Sports", "数字体育"),
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
