"""The parsers of text from outside, each with what it is given and the errors that it documents."""

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import polars as pl
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from audit_assets.axiom import error_messages, query_runner
from audit_assets.axiom.addresses import resolve_addresses
from audit_assets.axiom.axiom_py_adapter import AxiomConnection, AxiomReply
from audit_assets.axiom.dataset_health import retention_days_of
from audit_assets.axiom.ingest_delivery import classify_reply
from audit_assets.axiom.limits import AxiomLimits
from audit_assets.axiom.tabular_results import UnreliableResult, parse_result
from audit_assets.cloudflare.addresses import canonical_address, with_canonical_addresses
from audit_assets.cloudflare.entries import normalize_entries
from audit_assets.cloudflare.page_parser import describe_errors, envelope_or_none, parse_page
from audit_assets.cloudflare.request_pacing import RequestPacer
from audit_assets.cloudflare.timestamps import parse_microseconds, to_datetime
from audit_assets.config import policy, settings
from audit_assets.config.env_file import load_env_file
from audit_assets.config.errors import AuditAssetsError
from audit_assets.config.settings_table import CHANNEL_PREFIX, SETTINGS
from audit_assets.config.toml_files import read_defaults, read_own_file
from audit_assets.defs.steps.geography import open_geography
from audit_assets.detection.networks import network_of
from audit_assets.exports.entries_file import EntriesFileError, read_entries
from audit_assets.guard.browser_guard import BrowserGuard
from audit_assets.linear.answer_shapes import check_shape
from audit_assets.linear.reply_parser import parse_reply, wait_for_limit
from audit_assets.notify.plain_text import plain_text
from audit_assets.reports.backtest_export import read_file
from audit_assets.reports.backtest_input import BacktestError, parse_span
from audit_assets.reports.event_times import parse_times
from audit_assets.storage.hour_store import HourStore
from audit_assets.tickets.changed_values import changed_values
from audit_assets.tickets.markdown import code, fence, words
from audit_assets.transport.http import Reply, checked_address
from audit_assets.transport.retry_policy import TryAgain, retry_after_seconds
from audit_assets.transport.untrusted_text import one_line, visible, visible_lines, web_address
from audit_assets.triage.model_answer import parse_note
from audit_assets.watch.examples import failed_examples
from audit_assets.watch.rule_tables import parse_rules
from audit_assets_tests.any_answer.changed_answers import HEADER_TEXTS
from audit_assets_tests.cloudflare.samples import ACCOUNT, v1_entry, v2_entry
from audit_assets_tests.fuzz.inputs import json_bytes, json_values, text_bytes, texts
from audit_assets_tests.support import JumpingClock

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
LOGPUSH = {"ActionType": "add", "ActorIP": "::ffff:192.0.2.1", "ID": "a", "When": 1_780_000_000, "Metadata": {}}
LOGPUSH_V2 = {"AuditLogID": "a", "ActionTimestamp": "2026-11-20T10:00:00Z", "ActorType": "system", "Raw": {}}
PAGE = {"success": True, "errors": [], "result": [v2_entry(1)], "result_info": {"count": 1, "cursor": "a"}}
REPLY = {"errors": [{"message": "m", "extensions": {"code": "RATELIMITED", "userPresentableMessage": "x"}}]}
NOTE = {"assessment": "a", "harmless": ["b"], "check": ["c"]}
COMPLETION = {"choices": [{"finish_reason": "stop", "message": {"content": json.dumps(NOTE)}}]}
TABLE = {
    "status": {"isPartial": False, "rowsMatched": 1, "messages": []},
    "tables": [
        {
            "fields": [{"name": name} for name in query_runner.ACTIVITY_SCHEMA],
            "columns": [["a"], ["2026-11-20T10:00:00Z"], ["t"], [1], [0]],
        }
    ],
}
VALUES = {"id": "1", "metadata": {"name": "ssl"}, "oldValue": "off", "newValue": {"value": ["on"]}, "resource": {}}
NAMES = [*SETTINGS, f"{CHANNEL_PREFIX}A"]

POLICY = """
[[allow]]
actor = "ci@example.com"
resource_type = "dns_record"
reason = "deploys"
until = 2027-01-01
[[sensitive]]
because = "members"
touching = ["*member*"]
kinds = ["create"]
raises = 1
[counted]
without_streams = ["v1"]
without_results = []
[[channels]]
name = "soc"
severities = ["urgent", "high"]
"""

WATCH = """
[[rule]]
name = "zone_deleted_by_night"
title = "Zone deleted"
severity = "urgent"
technique = "T1485"
why = "It is gone."
check = ["See who did it."]
benign = ["a move"]
match = [{ kind = "delete", resource_type = ["zone"] }]
count = { at_least = 3, minutes = 10 }
matches = [[{ action.type = "delete", resource.type = "zone", times = 3 }]]
no_matches = [{ action.type = "delete", resource.type = "zone" }]
"""


@dataclass(frozen=True)
class Parser:
    """What a parser is given, and how it is called; `errors` are those that it documents."""

    given: SearchStrategy[Any]
    parse: Callable[[Any], object]
    errors: tuple[type[Exception], ...] = ()

    def feed(self, value: Any) -> None:
        """Parse one value. Raises what is not documented."""
        with suppress(*self.errors):
            self.parse(value)


@contextlib.contextmanager
def _file(content: bytes, name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        yield path


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    """With these settings, and no others; afterwards as it was."""
    before = dict(os.environ)
    for name in NAMES:
        os.environ.pop(name, None)
    try:
        os.environ.update(values)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _normalize(stream: str) -> Callable[[Any], object]:
    return lambda entry: normalize_entries([entry, entry], stream, ACCOUNT)


def _read_page(body: bytes) -> None:
    describe_errors(envelope_or_none(body)).encode("utf-8", "surrogatepass")
    for stream in ("v1", "v2"):
        with suppress(*DOCUMENTED):
            normalize_entries(parse_page(body, stream, NOW).entries, stream, ACCOUNT)


def _read_export(content: bytes) -> None:
    with _file(content, "audit.json") as path:
        found = read_entries(path)
        "".join(found.problems).encode()


def _read_events(drawn: tuple[str, bytes]) -> None:
    with _file(drawn[1], f"events.{drawn[0]}") as path:
        read_file(path)


def _read_times(values: list[Any]) -> None:
    """A column holds no half of a surrogate pair."""
    held = [value.encode("utf-8", "replace").decode() if isinstance(value, str) else value for value in values]
    parse_times(pl.Series("time", held, strict=False))


@cache
def _axiom() -> AxiomConnection:
    return AxiomConnection(
        token="xaat-0",
        dataset="d",
        org_id="o",
        url="https://api.axiom.co",
        edge=None,
        clock=JumpingClock(),
        limits=AxiomLimits(),
    )


def _read_axiom_reply(drawn: tuple[int, dict[str, str], bytes]) -> None:
    reply = AxiomReply(drawn[0], drawn[1], drawn[2])
    with suppress(*DOCUMENTED):
        classify_reply(_axiom(), reply, 3, NOW)
    if error_messages.is_temporary(reply):
        str(error_messages.temporary_failure(_axiom(), reply, NOW)).encode()
    str(error_messages.refusal(_axiom(), reply, "a query")).encode()
    body = reply.json()
    if isinstance(body, dict):
        retention_days_of(body)


def _read_axiom_result(body: Any) -> None:
    for schema in (query_runner.ACTIVITY_SCHEMA, query_runner.ORIGINS_SCHEMA, query_runner.ORIGIN_USES_SCHEMA):
        with suppress(UnreliableResult):
            parse_result(body, schema, 50_000)


def _read_linear_reply(drawn: tuple[int, dict[str, str], bytes]) -> None:
    headers = httpx.Headers([(name.encode(), text.encode("latin-1")) for name, text in drawn[1].items()])
    reply = Reply(drawn[0], headers, drawn[2])
    wait_for_limit(reply, NOW)
    data = parse_reply(reply, NOW)
    for document in ("tickets", "team", "users", "labels", "ticket_verdicts", "issue_create", "file_upload"):
        with suppress(ValueError, KeyError):
            check_shape(document, data)


def _read_headers(drawn: tuple[str, str]) -> None:
    waited = retry_after_seconds({"retry-after": drawn[0]}, NOW)
    assert waited is None or waited >= 0
    pacer = RequestPacer(JumpingClock())
    pacer.apply_ratelimit(drawn[1])
    assert 0 <= pacer.book_request() <= 300


def _read_env_file(content: bytes) -> None:
    here = Path.cwd()
    with _file(content, ".env") as path, _environment():
        os.chdir(path.parent)
        try:
            load_env_file()
            settings.check_sources()
        finally:
            os.chdir(here)


def _read_policy(content: bytes) -> None:
    with _file(content, "policy.toml") as path, _environment(AUDIT_ASSETS_POLICY=str(path)):
        policy.tables()


def _read_watch(content: bytes) -> None:
    with _file(content, "watch.toml") as path, _environment(AUDIT_ASSETS_WATCH=str(path)):
        own = read_own_file("AUDIT_ASSETS_WATCH")
        rules = parse_rules(read_defaults("watch.toml"), own, path=str(path))
        written = {each.get("name") for each in own.get("rule", [])}
        for rule in rules.enabled:
            if rule.name in written:
                list(failed_examples(rule, lambda entries, stream: normalize_entries(entries, stream, ACCOUNT)))


def _read_setting(drawn: tuple[str, str]) -> None:
    name, text = drawn
    with suppress(ValueError), _environment(**{name: text}):  # what the system takes for no value at all
        if name in SETTINGS:
            settings.typed(name)
        for parse in (lambda: checked_address(name, text), lambda: resolve_addresses(text, None)):
            with suppress(*DOCUMENTED):
                parse()


def _read_addresses(given: list[str]) -> None:
    written = [each.encode("utf-8", "replace").decode() for each in given]  # an entry's surrogates are escaped before
    spelled = [canonical_address(each) for each in written]
    assert [canonical_address(each) for each in spelled] == spelled, "a spelling of its own spells itself"
    frame = with_canonical_addresses(pl.DataFrame({"a": written}, schema={"a": pl.String}), "a")
    frame.select(network_of(pl.col("a")))


def _show(text: str) -> None:
    safe = (visible(text), visible_lines(text), one_line(text), plain_text(text, 200), code(text, 40), words(text))
    for shown in (*safe, fence([one_line(text)]), web_address(text) or ""):
        shown.encode()


def _read_stored(drawn: tuple[str, bytes]) -> None:
    with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
        store = HourStore(folder)
        store.write("a", NOW, pl.DataFrame({"a": [1]}))
        store.write_json("b", NOW, {})
        for path in [path for path in Path(folder).rglob("*") if path.is_file() and drawn[0] in path.name]:
            path.write_bytes(drawn[1])
        for read in (lambda: store.read("a", NOW), lambda: store.read_json("b", NOW)):
            with suppress(*DOCUMENTED):
                read()


def _open_mmdb(content: bytes) -> None:
    with _file(content, "a.mmdb") as path, _environment(AUDIT_ASSETS_GEOIP=str(path)):
        found = open_geography()
        assert found is not None
        found.places_of(["192.0.2.1", "2001:db8::1", "no address"])


def _ask_guard(drawn: tuple[str, bytes, list[tuple[bytes, bytes]]]) -> None:
    path, query, headers = drawn
    passed: list[str] = []

    async def app(*_: Any) -> None:
        passed.append(path)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(_: Any) -> None:
        return None

    for kind in ("http", "websocket"):
        scope = {"type": kind, "path": path, "query_string": query, "headers": headers, "server": ("127.0.0.1", 3000)}
        scope |= {"method": "POST", "scheme": "http"} if kind == "http" else {"scheme": "ws"}
        asyncio.run(BrowserGuard(app, "the-token-of-this-start")(scope, receive, send))
    assert not passed, "nobody knows the token"


DOCUMENTED = (AuditAssetsError, TryAgain)
_STATUSES = st.sampled_from([200, 201, 204, 301, 400, 401, 403, 404, 408, 413, 429, 430, 432, 500, 599])


def _headers(*names: str) -> SearchStrategy[dict[str, str]]:
    return st.dictionaries(st.sampled_from(names), HEADER_TEXTS, max_size=4)


_HEADER_BYTES = st.binary(max_size=20) | st.sampled_from(
    [
        b"127.0.0.1:3000",
        b"http://127.0.0.1:3000",
        b"same-origin",
        b"cross-site",
        b"audit_assets_3000=\xff",
        b"Bearer \xe9",
    ]
)
_HEADER_NAMES = st.sampled_from(
    [b"host", b"origin", b"cookie", b"authorization", b"content-type", b"sec-fetch-site", b"sec-fetch-mode"]
)

PARSERS = {
    "entries_v2": Parser(json_values(v2_entry()), _normalize("v2")),
    "entries_v1": Parser(json_values(v1_entry()), _normalize("v1")),
    "pages": Parser(json_bytes(PAGE, {**PAGE, "result": [v1_entry()], "result_info": None}), _read_page),
    "export_files": Parser(
        json_bytes(PAGE, v2_entry(), [v1_entry()], LOGPUSH, LOGPUSH_V2) | text_bytes("when,action\n1,2\n", "<html>"),
        _read_export,
        (EntriesFileError,),
    ),
    "timestamps": Parser(
        json_values("2026-11-20T10:00:00.123456789Z", 1_780_000_000, "1780000000000000000")
        | texts("2026-11-20T10:00:00Z", "2026-11-20t23:59:60z", "2026-11-20 10:00:00+0530"),
        lambda written: to_datetime(parse_microseconds(written)),
        (ValueError,),
    ),
    "event_times": Parser(
        st.lists(texts("2026-09-01 09:00:00+00", "20260901T0900", "2026-09-01") | st.integers(0, 10**18), max_size=3),
        _read_times,
    ),
    "event_files": Parser(
        st.tuples(
            st.sampled_from(["csv", "ndjson", "parquet"]),
            text_bytes(
                "time,actor,actor_type,resource_type,ip_address\n2026-09-01 09:00:00+00,a,user,zone,::1\n",
                '{"time":"2026-09-01T09:00:00Z","actor":"a","actor_type":"user","resource_type":"zone","owner":"b"}\n',
            ),
        ),
        _read_events,
        (BacktestError,),
    ),
    "headers": Parser(
        st.tuples(
            HEADER_TEXTS | texts("120", "Wed, 21 Oct 2026 07:28:00 GMT"),
            HEADER_TEXTS | texts('"default";r=50;t=30, "other";r=0;t=9'),
        ),
        _read_headers,
    ),
    "axiom_replies": Parser(
        st.tuples(
            _STATUSES,
            _headers("retry-after", "x-ratelimit-reset", "x-ratelimit-remaining", "x-querylimit-reset"),
            json_bytes({"ingested": 3, "failed": 0, "failures": [], "messages": [{"code": "a"}]}, {"message": "m"}),
        ),
        _read_axiom_reply,
    ),
    "axiom_results": Parser(json_values(TABLE), _read_axiom_result),
    "linear_replies": Parser(
        st.tuples(
            _STATUSES,
            _headers("retry-after", "x-ratelimit-requests-reset", "x-ratelimit-requests-remaining"),
            json_bytes(REPLY, {"data": {"issues": {"nodes": []}, "viewer": {"name": "a"}, "teams": {"nodes": [{}]}}}),
        ),
        _read_linear_reply,
        DOCUMENTED,
    ),
    "model_answers": Parser(json_bytes(COMPLETION), lambda body: parse_note(body, "m"), DOCUMENTED),
    "env_files": Parser(
        text_bytes("AXIOM_TOKEN='a'\nexport B=\"${AXIOM_TOKEN}\"\nLINEAR_TEAM_KEY=SEC # c\n", "A=b\n"),
        _read_env_file,
        DOCUMENTED,
    ),
    "policies": Parser(text_bytes(POLICY, "[counted]\nexcept_streams = ['v1']\n"), _read_policy, DOCUMENTED),
    "watch_rules": Parser(text_bytes(WATCH), _read_watch, DOCUMENTED),
    "settings": Parser(
        st.tuples(
            st.sampled_from(NAMES),
            texts("2026-11-01-00:00", "v2,v1", "10", "0.5", "https://a.example/b", "http://[::1]:80", "xaat-1", "1"),
        ),
        _read_setting,
        DOCUMENTED,
    ),
    "periods": Parser(
        st.tuples(texts("2026-10-01", "2026-10-01T05+02:00"), texts("2026-10-02", "2026-10-01T06")),
        lambda drawn: parse_span(*drawn),
        (BacktestError,),
    ),
    "addresses": Parser(
        st.lists(texts("192.0.2.1", "::ffff:192.0.2.1", "[2001:db8::1%eth0]:443", "fe80::1%1"), max_size=3),
        _read_addresses,
    ),
    "changed_values": Parser(
        json_bytes(VALUES, v1_entry(), v2_entry()),
        lambda body: one_line(changed_values(body.decode("utf-8", "replace"))).encode(),  # as a ticket shows it
    ),
    "shown_texts": Parser(texts("[a](http://b)\n- `c`\n```", "<b>&amp;"), _show),
    "stored_hours": Parser(st.tuples(st.sampled_from(["json", "parquet"]), json_bytes({"a": 1})), _read_stored),
    "geoip_files": Parser(text_bytes("\xab\xcd\xefMaxMind.com"), _open_mmdb, DOCUMENTED),
    "browser_requests": Parser(
        st.tuples(
            texts("/graphql", "//evil.example/", "/runs/1"),
            st.binary(max_size=20) | st.sampled_from([b"token=%ff", b"token=\xff", b"query={x}"]),
            st.lists(st.tuples(_HEADER_NAMES, _HEADER_BYTES), max_size=4),
        ),
        _ask_guard,
    ),
}
