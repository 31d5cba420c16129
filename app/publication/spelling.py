"""How near two words are: the one slip of a keyboard, and the forms under which such pairs meet in a dictionary."""

SHORTEST, LONGEST = 4, 40


def deletions(word: str) -> list[str]:
    """The word, and the word with one letter left out: two words one edit apart have one of these in common.

    None for a word in which one edit means nothing: too short, too long, or a number.
    """
    if not SHORTEST <= len(word) <= LONGEST or not word.isalpha():
        return []
    return [word, *dict.fromkeys(word[:at] + word[at + 1 :] for at in range(len(word)))]


def is_one_edit(left: str, right: str) -> bool:
    """Whether one letter more, less or another, or two neighbours swapped, make one word of the other."""
    start = 0
    while start < min(len(left), len(right)) and left[start] == right[start]:
        start += 1
    left, right = left[start:], right[start:]
    while left and right and left[-1] == right[-1]:
        left, right = left[:-1], right[:-1]
    if max(len(left), len(right)) <= 1:
        return left != right
    return len(left) == len(right) == len("ab") and left == right[::-1]
