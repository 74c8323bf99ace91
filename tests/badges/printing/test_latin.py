"""Names in Latin letters, or none if a proposal would be wrong."""

import unicodedata

import pytest

from badges.printing.latin import latin_name


@pytest.mark.parametrize(
    ("given", "family", "latin"),
    [
        ("子衿", "柳", "LIU Zijin"),
        ("柳子衿", "", "LIU Zijin"),
        ("欧阳修", "", "OUYANG Xiu"),
        ("修", "欧阳", "OUYANG Xiu"),
        ("布", "吕", "LYU Bu"),
        ("国藩", "曾", "ZENG Guofan"),  # otherwise read ceng
        ("田芳", "单", "SHAN Tianfang"),
        ("민준", "김", "KIM Minjun"),
        ("김민준", "", "KIM Minjun"),
        ("길동", "백", "BAEK Gildong"),  # not BAEG, as its letters are
        ("백두", "독고", "DOKGO Baekdu"),
        ("제갈공명", "", "JEGAL Gongmyeong"),
        ("გიორგი", "მაისურაძე", "Giorgi Maisuradze"),
        ("ჯაბა", "ჭავჭავაძე", "Jaba Chavchavadze"),
        ("Դավիթ", "Հակոբյան", "Davit Hakobyan"),
        ("Երեմ", "Ոսկանյան", "Yerem Voskanyan"),
        ("Ուրիշ", "Գևորգյան", "Urish Gevorgyan"),
        ("さくら", "やまだ", "Yamada Sakura"),
        ("じゅんこ", "しばた", "Shibata Junko"),
        ("卜", "", "BU"),
    ],
)
def test_a_proposal(given, family, latin):
    assert latin_name(given, family) == latin


@pytest.mark.parametrize(
    ("greek", "latin"),
    [
        ("Ελευθερία", "Eleftheria"),  # ευ before a voiceless sound
        ("Ευάγγελος", "Evangelos"),
        ("ΕΥΑΓΓΕΛΟΣ", "Evangelos"),
        ("Παύλος", "Pavlos"),
        ("Αύρα", "Avra"),
        ("Ευθύμιος", "Efthymios"),
        ("Εὐθύμιος", "Efthymios"),  # polytonic
        ("Ἀθηνᾶ", "Athina"),
        ("Εύβοια", "Evvoia"),
        ("Άυλος", "Aylos"),  # The accent parts the vowels,
        ("Ραϋμόνδος", "Raymondos"),  # and so does a diaeresis.
        ("Προΰπαρξη", "Proyparxi"),
        ("Μαΐου", "Maiou"),
        ("Παπαδοπούλου", "Papadopoulou"),
        ("Αγγελίδου", "Angelidou"),
        ("Μελάγχολος", "Melancholos"),
        ("Σφίγξ", "Sfinx"),
        ("Γκίκας", "Gkikas"),
        ("Μπάμπης", "Bampis"),
        ("Ανδρέας-Μπάμπης", "Andreas-Bampis"),
        ("Ντίνος", "Ntinos"),
        ("Ψαρράς", "Psarras"),
    ],
)
def test_greek_by_elot_743(greek, latin):
    assert latin_name(greek, "") == latin
    assert latin_name(unicodedata.normalize("NFD", greek), "") == latin


@pytest.mark.parametrize(
    ("given", "family", "language", "country", "latin"),
    [
        ("Владимир-Игорь", "Ким", "ru", "", "Vladimir-Igor Kim"),
        ("Анастасия", "Щербакова", "", "RU", "Anastasiia Shcherbakova"),
        ("А. С.", "Съёмщиков", "ru-RU", "", "A. S. Sieemshchikov"),
        ("Григорій", "Їжакевич", "", "UA", "Hryhorii Yizhakevych"),
        ("Ганна", "Згурська", "en", "UA", "Hanna Zghurska"),
        ("Мар'яна", "Лук’янова", "uk", "", "Mariana Lukianova"),
        ("Мария", "Търновска", "", "BG", "Maria Tarnovska"),
        ("Христо", "Щерев", "bg", "", "Hristo Shterev"),
        ("Ђорђе", "Његош", "", "RS", "Đorđe Njegoš"),
        ("Ѓорѓи", "Ќосев", "mk", "", "Gjorgji Kjosev"),
        ("Сяргей", "Ціханоўскі", "be", "", "Siarhei Tsikhanouski"),
        ("Сергей", "Ким", "ru", "KZ", "Sergei Kim"),
        # The letters alone determine the language.
        ("Ганна", "Євтушенко", "", "", "Hanna Yevtushenko"),
        ("Ђорђе", "Петровић", "", "DE", "Đorđe Petrović"),
        ("Anna", "Ўладзімір", "", "", "Anna Uladzimir"),
        # If they don't, г may be g or h, and щ shch or sht.
        ("Ганна", "Чорна", "", "", ""),
        ("Христо", "Щерев", "en", "DE", ""),
        # These countries have no single usage.
        ("Данияр", "Садыков", "", "KZ", ""),
        ("Өлзий", "Баатар", "mn", "MN", ""),
        ("Пётр", "Ильин", "uk", "UA", ""),  # is no Ukrainian spelling
    ],
)
def test_cyrillic_as_the_country_has_it(given, family, language, country, latin):
    assert latin_name(given, family, language, country) == latin


@pytest.mark.parametrize(
    ("given", "family"),
    [
        ("Anna", "Ødegård"),  # is Latin already
        ("Ngọc Ánh", "Nguyễn"),
        ("Oʼneil", "Smith"),
        ("محمد", "الفارسي"),  # without vowels
        ("דוד", "כהן"),
        ("སྐལ་བཟང", ""),  # spelt far from its sound
        ("สมชาย", "ศรีสุวรรณ"),
        ("ปรียา", ""),
        ("ສົມສັກ", ""),
        ("សុខា", "ចាន់"),
        ("အောင်", ""),
        ("प्रियंका", "श्रीवास्तव"),
        ("राहुल", "गांधी"),  # Gamdhi, letter by letter
        ("అనిల్", "సీత"),
        ("தமிழ்செல்வி", ""),
        ("ሰላማዊት", "አብይ"),  # Abiy, whose last vowel is not written
        ("އިބްރާހީމް", ""),
        ("ᠮᠣᠩᠭᠣᠯ", ""),
        ("ᏣᎳᎩ", ""),
        ("Յակոբ", "Պետրոսեան"),  # western Armenian: Hagop
        ("ジョン", "スミス"),  # John Smith
        ("ゆうき", "いのうえ"),  # Yuki, but Inoue
        ("さくら", "山田"),  # of many readings
        ("小明", "Wang"),
        ("嘉", "乐"),  # Le or Yue
        ("황보라", ""),  # Hwang Bora or Hwangbo Ra
        ("𗀀", ""),  # Tangut, whose letters Python has no names of
    ],
)
def test_no_proposal(given, family):
    assert latin_name(given, family) == ""


@pytest.mark.parametrize(
    ("language", "country"),
    [("ja", ""), ("zh-Hant-HK", ""), ("", "TW"), ("zh", "SG"), ("ko", ""), ("en", "JP")],
)
def test_han_names_from_elsewhere_are_left_to_their_bearers(language, country):
    assert latin_name("大文", "陳", language, country) == ""
