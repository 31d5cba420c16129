"""The search channel: whatever looks through the whole publication."""
