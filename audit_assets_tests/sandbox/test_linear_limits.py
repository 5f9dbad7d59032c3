"""What queries cost, and how buckets leak."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from audit_assets.sandbox.linear.graphql_requests import read_request
from audit_assets.sandbox.linear.linear_schema import schema_from_sdl
from audit_assets.sandbox.linear.request_limits import LeakyBucket

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "variables", "complexity"),
    [
        # Linear's documentation has 66 and 14 for issues with three scalars
        ("{ issues { nodes { id identifier description } } }", {}, 66),
        ("{ issues(first: 10) { nodes { id identifier description } } }", {}, 14),
        ("{ viewer { id name } }", {}, 2),
        ("query ($n: Int) { issues(first: $n) { nodes { id identifier description } } }", {"n": 10}, 14),
        ("query ($n: Int = 10) { issues(first: $n) { nodes { id identifier description } } }", {}, 14),
        ("query ($n: Int) { issues(first: $n) { nodes { id identifier description } } }", {"n": None}, 66),
        ("{ issues(first: 10) { nodes { ...F } } } fragment F on Issue { id identifier description }", {}, 14),
        ("{ issues(first: 10) { nodes { ... on Issue { id identifier description } } } }", {}, 14),
        ("{ issues(first: 2) { nodes { comments(first: 3) { nodes { id } } } } }", {}, 12),
        ('mutation { issueUpdate(id: "SEC-1", input: {}) { success issue { id } } }', {}, 3),
        ("{ __typename __schema { types { name } } }", {}, 1),
    ],
)
def test_complexity_counts_objects_scalars_and_pages(query: str, variables: dict[str, object], complexity: int) -> None:
    schema = schema_from_sdl()
    asked = read_request(json.dumps({"query": query, "variables": variables}).encode())
    asked.check(schema)
    assert asked.complexity(schema) == complexity


def test_a_bucket_admits_its_limit_at_once_and_empties_evenly() -> None:
    bucket = LeakyBucket()
    assert [bucket.add(1, 3, NOON) for _ in range(4)] == [True, True, True, False]
    assert (bucket.remaining(3, NOON), bucket.reset(3, NOON)) == (0, int((NOON.timestamp() + 3600) * 1000))
    later = NOON + timedelta(minutes=20)
    assert bucket.remaining(3, later) == 1
    assert [bucket.add(1, 3, later) for _ in range(2)] == [True, False]
    next_day = NOON + timedelta(days=1)
    assert (bucket.remaining(3, next_day), bucket.reset(3, next_day)) == (3, int(next_day.timestamp() * 1000))
