"""Calls the sandbox's Linear in plain GraphQL, without the client under test.

A test file that imports `door`, `sandbox` and `caller` from here has one server for all of its tests, and a fresh
sandbox behind it for each.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from audit_assets.sandbox.linear.linear_service import API_KEY
from audit_assets.sandbox.linear.seeded_workspace import seeded_id
from audit_assets.sandbox.server import Sandbox, serve_app

SECURITY = seeded_id("team", "SEC")
ENGINEERING = seeded_id("team", "ENG")
OWN_ID = "3f2b9c1e-5a77-4d20-9b41-0c6de0a1f001"

CREATE = """mutation ($input: IssueCreateInput!) { issueCreate(input: $input) {
  success issue { id identifier url priority state { name } labels { nodes { name } } } } }"""
UPDATE = """mutation ($id: String!, $input: IssueUpdateInput!) { issueUpdate(id: $id, input: $input) {
  success issue { priority state { type } completedAt canceledAt updatedAt } } }"""
COMMENT = """mutation ($input: CommentCreateInput!) { commentCreate(input: $input) {
  success comment { id } } }"""
ATTACH = """mutation ($input: AttachmentCreateInput!) { attachmentCreate(input: $input) {
  success attachment { id url metadata } } }"""
UPLOAD = """mutation ($type: String!, $size: Int!) { fileUpload(contentType: $type, filename: "a b.png", size: $size) {
  success uploadFile { uploadUrl assetUrl headers { key value } } } }"""
ISSUES = """query ($filter: IssueFilter, $first: Int, $archived: Boolean) {
  issues(filter: $filter, first: $first, includeArchived: $archived) { nodes { identifier } } }"""


class Caller:
    """A connection that keeps the last reply."""

    def __init__(self, url: str, credential: str | None = API_KEY) -> None:
        headers = {"Authorization": credential} if credential else {}
        self.http = httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=10)
        self.reply = httpx.Response(0)

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The whole body of the answer."""
        self.reply = self.http.post("/graphql", content=json.dumps({"query": query, "variables": variables}))
        return self.reply.json()

    def data(self, query: str, **variables: Any) -> Any:
        """The only root field of an answer without errors."""
        body = self.ask(query, **variables)
        assert self.reply.status_code == 200, body
        assert "errors" not in body, body
        (field,) = body["data"].values()
        return field

    def error(self, query: str, **variables: Any) -> dict[str, Any]:
        """The only error of an answer: message, extensions."""
        body = self.ask(query, **variables)
        assert body["data"] is None
        (error,) = body["errors"]
        return error

    def open(self, title: str = "A ticket", **given: Any) -> dict[str, Any]:
        """A new issue in Security."""
        return self.data(CREATE, input={"teamId": SECURITY, "title": title, **given})["issue"]

    def announced(self, content: bytes, content_type: str = "image/png") -> tuple[dict[str, Any], dict[str, str]]:
        """Where a file goes, and the headers that it needs, in small letters."""
        upload = self.data(UPLOAD, type=content_type, size=len(content))["uploadFile"]
        headers = {"content-type": content_type, "cache-control": "public, max-age=31536000"}
        return upload, headers | {each["key"].lower(): each["value"] for each in upload["headers"]}

    def stored(self, content: bytes, content_type: str = "image/png") -> str:
        """The address of a new file."""
        upload, headers = self.announced(content, content_type)
        assert httpx.put(upload["uploadUrl"], headers=headers, content=content).status_code == 200
        return upload["assetUrl"]

    def found(self, **variables: Any) -> list[str]:
        """The identifiers of the issues that a query finds."""
        return [node["identifier"] for node in self.data(ISSUES, **variables)["nodes"]]


class Door:
    """An ASGI application that forwards to the sandbox of the current test."""

    def __init__(self) -> None:
        self.url = ""
        self.behind = Starlette()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.behind(scope, receive, send)


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    """A server on loopback that forwards to no sandbox yet."""
    opened = Door()
    with serve_app(Starlette(routes=[Mount("/", app=opened)])) as opened.url:
        yield opened


@pytest.fixture
def sandbox(door: Door, tmp_path: Path) -> Iterator[Sandbox]:
    """A fresh sandbox that the server forwards to."""
    fresh = Sandbox(tmp_path / "sandbox")
    fresh.url = door.url
    door.behind = fresh.app()
    yield fresh
    fresh.close()


@pytest.fixture
def caller(sandbox: Sandbox) -> Iterator[Caller]:
    """A connection to the sandbox's Linear."""
    calling = Caller(sandbox.url)
    yield calling
    calling.http.close()
