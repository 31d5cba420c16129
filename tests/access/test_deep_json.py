"""JSON that is nested without end, where anybody may send it."""

from base64 import urlsafe_b64encode

from starlette.testclient import TestClient

from app.access.oauth_routes import ASSERTION_TYPE, GRANT


def test_an_assertion_nested_without_end_is_refused(client: TestClient) -> None:
    header = urlsafe_b64encode(b"[" * 1_500).decode()
    form = {"grant_type": GRANT, "client_assertion_type": ASSERTION_TYPE, "client_assertion": f"{header}.e30.x"}
    answer = client.post("/oauth2/token", data=form)
    assert (answer.status_code, answer.json()["code"]) == (401, "oauth.invalid_client")
