"""What every request passes before a route."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel

from cad.web.guards import LARGEST_BODY, Guards


class Body(BaseModel):
    """Any text."""

    text: str


def an_app(hosts: tuple[str, ...] | None = None) -> TestClient:
    api = FastAPI()
    api.add_middleware(Guards, hosts=hosts)

    @api.post("/act")
    def act(body: Body) -> int:
        return len(body.text)

    @api.get("/read")
    def read() -> str:
        return "read"

    return TestClient(api)


def test_a_body_that_is_too_large_is_refused_by_its_stated_length() -> None:
    answer = an_app().post("/act", json={"text": "x" * LARGEST_BODY})
    assert answer.status_code == 413
    assert an_app().post("/act", json={"text": "x" * 1000}).json() == 1000


def test_a_body_that_hides_its_length_is_refused_too() -> None:
    def parts() -> Iterator[bytes]:
        yield from (b"x" * 65536 for _ in range(2 + LARGEST_BODY // 65536))

    assert an_app().post("/act", content=parts()).status_code in (400, 413)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_what_another_site_asks_for_is_not_done(headers: dict[str, str]) -> None:
    assert an_app().post("/act", json={"text": "x"}, headers=headers).status_code == 403


def test_our_own_page_and_programs_may_act_and_anybody_may_follow_a_link() -> None:
    client = an_app()
    for headers in ({}, {"Origin": "http://testserver"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
        assert client.post("/act", json={"text": "x"}, headers=headers).status_code == 200
    assert client.get("/read", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:8140", 200), ("127.0.0.1", 200), ("[::1]:8140", 200), ("evil.example", 400), ("localhost.evil", 400)],
)
def test_only_our_own_names_are_answered_where_they_are_stated(host: str, status: int) -> None:
    client = an_app(("localhost", "127.0.0.1", "[::1]"))
    assert client.get("/read", headers={"Host": host}).status_code == status


def test_every_answer_says_that_it_is_not_to_be_kept_framed_or_guessed() -> None:
    for answer in (
        an_app().get("/read"),
        an_app().get("/none"),
        an_app().post("/act", json={"text": "x" * LARGEST_BODY}),
    ):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"
