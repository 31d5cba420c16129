"""`python -m tests.search_corpus`: write the corpus of mistakes anew."""

from tests.search_corpus.corpus import ERRORS, cases, written

ERRORS.write_text(written(cases()), encoding="utf-8")
