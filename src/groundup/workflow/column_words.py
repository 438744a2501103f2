"""The words in a column's name: a weak hint, used only next to evidence from the values."""

from __future__ import annotations

import re

# "JitterRAP" -> Jitter RAP, "customerID" -> customer ID, "HTTPStatus" -> HTTP Status.
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W\d_]+|\d+")


def word_set(words: str) -> frozenset[str]:
    """Split a line of words.

    Examples
    --------
    >>> sorted(word_set("year date time"))
    ['date', 'time', 'year']
    """
    return frozenset(words.split())


# Words that say nothing about which quantity a column holds.
_GENERAL = word_set(
    "a an and at by for from gt in is no number num of on per the to total sum count value "
    "mean avg average min max class target label variable score level rate amount index "
    "day week month year date time hour"
)


def column_words(name: str) -> list[str]:
    """Split a column's name into its lower-case words and numbers.

    Examples
    --------
    >>> column_words("customerID"), column_words("trip_time_in_secs"), column_words("subject#")
    (['customer', 'id'], ['trip', 'time', 'in', 'secs'], ['subject', '#'])
    """
    words = [word.lower() for word in _WORD.findall(_CAMEL.sub(" ", name))]
    return [*words, "#"] if "#" in name else words


def has_word(name: str, words: frozenset[str]) -> bool:
    """Whether any word of `name`, or `name` without its separators, is one of `words`.

    Examples
    --------
    >>> has_word("Row_Names", frozenset({"rownames"}))
    True
    >>> has_word("humidity", frozenset({"id"}))
    False
    """
    parts = column_words(name)
    return not words.isdisjoint(parts) or "".join(parts) in words


def shared_words(first: str, second: str) -> list[str]:
    """Words of three letters or more that two names share and that name a quantity.

    Examples
    --------
    >>> shared_words("total_UPDRS", "motor_UPDRS")
    ['updrs']
    >>> shared_words("total_count", "total_area")
    []
    """
    in_second = set(column_words(second)) - _GENERAL
    return [
        word
        for word in dict.fromkeys(column_words(first))
        if word in in_second and len(word) >= 3 and not word.isdigit()
    ]
