import pytest

# A failed check tells both sides, whoever asks.
pytest.register_assert_rewrite("tests.publication.world")
