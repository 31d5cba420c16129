"""What users complained of elsewhere: none of it holds of this search."""

import pytest

from app.settings import Settings
from tests.harness.database import Database
from tests.search_corpus.complaints import Complaint, complaints, enter, judge
from tests.search_corpus.directory import asking


@pytest.mark.parametrize("complaint", complaints(), ids=lambda complaint: complaint.name)
def test_nobody_need_complain(database: Database, settings: Settings, complaint: Complaint) -> None:
    connection = database.connect()
    enter(connection, complaint)
    with asking(settings, connection) as api:
        assert judge(complaint, api.get) == []
