"""How near two words are: the one edit of a slip of the keyboard, and the forms under which such pairs meet."""

SHORTEST, LONGEST = 3, 40


def deletions(word: str) -> list[str]:
    """The word, and the word with one letter left out: two words one edit apart have one of these in common.

    None for a word in which one edit means nothing: too short, longer than any name, or a number; of SHORTEST letters
    only the word itself, which then is a longer one with a letter left out. `name_deletions` and `structure_deletions`
    (migration 0014) make the same forms of the words that the dictionaries hold.
    """
    if not SHORTEST <= len(word) <= LONGEST or not word.isalpha():
        return []
    if len(word) == SHORTEST:
        return [word]
    return [word, *dict.fromkeys(word[:at] + word[at + 1 :] for at in range(len(word)))]


def is_one_edit(left: str, right: str) -> bool:
    """Whether a letter inserted, left out, replaced, or two neighbours swapped make one of the other."""
    start = 0
    while start < min(len(left), len(right)) and left[start] == right[start]:
        start += 1
    left, right = left[start:], right[start:]
    while left and right and left[-1] == right[-1]:
        left, right = left[:-1], right[:-1]
    if max(len(left), len(right)) <= 1:
        return left != right
    return len(left) == len(right) == 2 and left == right[::-1]  # noqa: PLR2004 - the two that are swapped
