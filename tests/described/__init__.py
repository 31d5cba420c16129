"""The API beside its description: schemathesis asks a filled directory whatever `openapi/annuaire.yaml` lets it ask."""
