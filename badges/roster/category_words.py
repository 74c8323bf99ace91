from collections import Counter
from collections.abc import Iterable

from badges.categories import SYNONYMS, CategoryPlan
from badges.roster.cells import wording


def category_words(categories: Iterable[CategoryPlan]) -> dict[str, list[str]]:
    """By category key: its names in every language, its letter and usual synonyms.

    Synonyms that are another category's name or key are left out.
    """
    categories = list(categories)
    words = {category.key: [*category.names.values(), category.letter] for category in categories}
    own = {key: {wording(word) for word in (key, *names)} for key, names in words.items()}
    synonyms = {key: SYNONYMS.get(key, "").split() for key in words}
    counted = Counter(word for names in own.values() for word in names)
    for key, usual in synonyms.items():
        words[key] += [word for word in usual if not counted[wording(word)]]
    return words
