"""Badges are handed out by name, so they are sorted as people search names."""

import random

from badges.printing.name_order import name_key

# Given name and family name.
SORTED = [
    ("亮", "陈"),
    ("子衿", "柳"),
    ("欧阳修", ""),  # The whole name in one field.
    ("田芳", "单"),  # A surname read shan, otherwise dan.
    ("明", "王"),
    ("国藩", "曾"),  # Read zeng, otherwise ceng.
    ("伟", "张"),
    ("一", "章"),  # The same syllable as 张, and never among the 张.
    ("Karin", "Ångström"),
    ("Ayşe", "Çelik"),
    ("Valéry", "d'Estaing"),
    ("Anh", "Đặng"),
    ("Łucja", "Kowalska"),
    ("Łukasz", "Kowalska"),
    ("Anna", "Ødegård"),
    ("Jan", "Żak"),
    ("Αθηνά", "Παπαδοπούλου"),
    ("Иван", "Щербаков"),
    ("محمد", "الفارسي"),
]


def test_names_are_sorted_as_people_look_for_them() -> None:
    mixed = random.Random(3).sample(SORTED, len(SORTED))
    assert sorted(mixed, key=lambda name: name_key(*name)) == SORTED
