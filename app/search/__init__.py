"""The search channel: questions put to the whole publication."""
