"""tantivy over the same names: every word as it is, then its beginning, then within one edit, then within two.

It is asked directly, without HTTP, and gives names, no documents. Installed by `make bench-search` alone.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import tantivy

from tests.search_corpus.people import Person, words

NAME = "tantivy"
MEMORY = 500_000_000
FIELD = "name"


class Tantivy:
    """An index in one folder."""

    def __init__(self, folder: Path, persons: Sequence[Person]) -> None:
        self._folder = folder / "tantivy"
        self._folder.mkdir()
        began = time.perf_counter()
        builder = tantivy.SchemaBuilder()
        # Whether a word stands in a name is all that is asked: no positions.
        builder.add_text_field(FIELD, tokenizer_name="whitespace", index_option="freq")
        builder.add_text_field("family", stored=True, tokenizer_name="raw", index_option="basic")
        builder.add_text_field("given", stored=True, tokenizer_name="raw", index_option="basic")
        self._schema = builder.build()
        index = tantivy.Index(self._schema, path=str(self._folder))
        writer = index.writer(MEMORY, 1)
        for person in persons:
            name = " ".join(words(person.family) + words(person.given))
            writer.add_document(tantivy.Document(name=name, family=person.family, given=person.given))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        self._searcher = index.searcher()
        self.build_seconds = time.perf_counter() - began

    @property
    def size(self) -> int:
        """Bytes on disk, the names included."""
        return sum(file.stat().st_size for file in self._folder.iterdir())

    def search(self, text: str, limit: int) -> list[Person]:
        """The first way that finds somebody: all words, their beginnings, one edit in each, two edits."""
        typed = words(text)
        for way in (self._whole, self._begun, self._one_edit, self._two_edits):
            if found := self._found(typed, way, limit):
                return found
        return []

    def _found(self, typed: Sequence[str], way: Callable[[str], tantivy.Query], limit: int) -> list[Person]:
        query = tantivy.Query.boolean_query([(tantivy.Occur.Must, way(word)) for word in typed])
        hits = self._searcher.search(query, limit, count=False).hits
        documents = (self._searcher.doc(address) for _, address in hits)
        return [Person(document.get_first("family") or "", document.get_first("given") or "") for document in documents]

    def _whole(self, word: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._schema, FIELD, word, "basic")

    def _begun(self, word: str) -> tantivy.Query:
        return tantivy.Query.fuzzy_term_query(self._schema, FIELD, word, distance=0, prefix=True)

    def _one_edit(self, word: str) -> tantivy.Query:
        return tantivy.Query.fuzzy_term_query(self._schema, FIELD, word, distance=1)

    def _two_edits(self, word: str) -> tantivy.Query:
        return tantivy.Query.fuzzy_term_query(self._schema, FIELD, word, distance=2)

    def close(self) -> None:
        """Nothing is held open that must be closed."""
