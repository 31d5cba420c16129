"""How people misspell the names of French professionals: a corpus of queries, made without a look at the search.

`people` stand in an invented directory; `mistakes` says which errors there are; `corpus` draws the lines of
`tests/data/search/errors.tsv`; `related` judges what a search answers.
"""
