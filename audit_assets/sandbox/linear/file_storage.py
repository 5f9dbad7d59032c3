"""The file storage of the sandbox's Linear: signed addresses, files that are PUT there, and access to them.

As recorded of the real one (docs/facts/linear.md, 1; linear/linear#353): `fileUpload` returns an address that is valid
for one file and a short time, and headers that are signed with it. In a fault plan and among the recorded calls the
storage is a service of its own, "storage", with the calls "put" and "get".
"""

import base64
import re
import secrets
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from audit_assets.sandbox.fault_plan import Fault, FaultPlan, answer_call
from audit_assets.sandbox.linear.entity_store import Entity, LinearStore, timestamp
from audit_assets.sandbox.linear.input_checks import checked_text
from audit_assets.sandbox.linear.linear_errors import invalid_input
from audit_assets.sandbox.linear.request_context import Context
from audit_assets.sandbox.service_context import ServiceContext

UPLOADS_PATH = "/storage/uploads"
ASSETS_PATH = "/storage/assets"

CACHED = "public, max-age=31536000"
SHOWN_TYPES = frozenset({"image/png", "image/jpeg", "image/gif"})
"""A file of another type is not shown as a picture."""

_ASSET = re.compile(rf"http://(?:127\.0\.0\.1|localhost):\d+{ASSETS_PATH}/([0-9a-f-]{{36}})")


def file_upload(context: Context, contentType: str, filename: str, size: int, makePublic: bool | None = None) -> Entity:
    """The mutation: a place for one file of that type and size."""
    if size <= 0:
        raise invalid_input("size must not be less than 1.", context.behaviour.invalid_input_status())
    store = context.store
    signed = {
        "x-goog-content-length-range": f"{size},{size}",
        "Content-Disposition": f'attachment; filename="{quote(filename)}"',
    }
    fields = {
        "contentType": checked_text(context, "contentType", contentType),
        "filename": checked_text(context, "filename", filename),
        "size": size,
        "makePublic": bool(makePublic),
        "headers": [{"key": key, "value": value} for key, value in signed.items()],
        "stored": False,
        "expiresAt": timestamp(store.clock.now() + timedelta(seconds=context.behaviour.upload_seconds)),
        "query": f"X-Goog-Credential=sandbox%2Fauto&X-Goog-Signature={secrets.token_hex(32)}",
    }
    upload = store.add("Upload", fields)
    return upload | {
        "uploadUrl": f"{context.base_url}{UPLOADS_PATH}/{upload['id']}?{upload['query']}",
        "assetUrl": f"{context.base_url}{ASSETS_PATH}/{upload['id']}",
    }


class Storage:
    """The files, and the routes to them."""

    def __init__(self, store: LinearStore, shared: ServiceContext, plan: FaultPlan, api_key: str) -> None:
        self._store = store
        self._shared = shared
        self._plan = plan
        self._api_key = api_key
        self._folder = shared.data_dir / "linear-files"

    def routes(self) -> list[Route]:
        """The routes of uploads and files."""
        return [
            Route(f"{UPLOADS_PATH}/{{id}}", self._put, methods=["PUT"]),
            Route(f"{ASSETS_PATH}/{{id}}", self._get),
        ]

    def picture(self, url: str) -> str | None:
        """A stored picture as a data: address, for a page that fetches nothing; None for any other address."""
        asset = _ASSET.fullmatch(url)
        upload = self._stored(asset[1]) if asset else None
        if not upload or upload["contentType"] not in SHOWN_TYPES:
            return None
        content = base64.b64encode(self._file(upload).read_bytes()).decode()
        return f"data:{upload['contentType']};base64,{content}"

    async def _put(self, request: Request) -> Response:
        content = await request.body()

        async def handle(fault: Fault | None) -> Response:
            _refuse_unknown(fault)
            with self._store.lock:
                return self._take(request, content)

        return await answer_call(self._shared, self._plan, "storage", "put", request, handle)

    def _take(self, request: Request, content: bytes) -> Response:
        upload = self._store.find("Upload", request.path_params["id"])
        if request.headers.get("authorization"):
            return _refusal(400, "InvalidArgument")
        if not upload or request.url.query != upload["query"]:
            return _refusal(403, "SignatureDoesNotMatch")
        if self._store.clock.now() > datetime.fromisoformat(upload["expiresAt"]):
            return _refusal(400, "ExpiredToken")
        signed = {each["key"].lower(): each["value"] for each in upload["headers"]}
        signed |= {"content-type": upload["contentType"], "cache-control": CACHED}
        if any(request.headers.get(key) != value for key, value in signed.items()):
            return _refusal(403, "SignatureDoesNotMatch")
        if len(content) != upload["size"]:
            return _refusal(400, "EntityTooLarge" if len(content) > upload["size"] else "EntityTooSmall")
        self._folder.mkdir(exist_ok=True)
        self._file(upload).write_bytes(content)
        self._store.change("Upload", upload["id"], {"stored": True})
        return Response(status_code=200)

    async def _get(self, request: Request) -> Response:
        async def handle(fault: Fault | None) -> Response:
            _refuse_unknown(fault)
            upload = self._stored(request.path_params["id"])
            if request.headers.get("authorization") != self._api_key:
                return Response(status_code=401)
            if not upload:
                return Response(status_code=404)
            headers = {"X-Content-Type-Options": "nosniff", "Content-Disposition": "attachment"}
            return Response(self._file(upload).read_bytes(), 200, headers, upload["contentType"])

        return await answer_call(self._shared, self._plan, "storage", "get", request, handle)

    def _stored(self, upload_id: str) -> Entity | None:
        upload = self._store.find("Upload", upload_id)
        return upload if upload and upload["stored"] else None

    def _file(self, upload: Entity) -> Path:
        return self._folder / upload["id"]


def _refuse_unknown(fault: Fault | None) -> None:
    if fault:
        raise ValueError(f"the sandbox's storage has no fault named {fault.kind}")


def _refusal(status: int, code: str) -> Response:
    return Response(f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>", status, media_type="application/xml")
