"""What the sandbox's APL refuses: all that it is not sure of, loudly, and all that is no business of a query."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_assets.sandbox.axiom.apl_expressions import TEXT_OPERATORS
from audit_assets.sandbox.axiom.apl_syntax import AGGREGATES, SCALARS, STAGES
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets_tests.sandbox.axiom_calls import AxiomCalls, connected

DOCUMENTED = Path(__file__).parents[1] / "fixtures" / "axiom" / "apl_features.json"
"""The names of the documented functions and operators, by category."""


@pytest.fixture(scope="module")
def axiom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AxiomCalls]:
    """One dataset for all tests of this file: they change nothing."""
    with serve_sandbox(Sandbox(tmp_path_factory.mktemp("apl"))) as sandbox, connected(sandbox) as calls:
        calls.store({"n": 1, "s": "x", "f": 0.5, "ok": True, "tags": ["a"], "map": {"k": "v"}, "day": "monday"})
        sandbox.axiom.store.create("other", "", None, sandbox.shared.clock.now())
        yield calls


def test_everything_supported_is_documented() -> None:
    features = {name: set(items) for name, items in json.loads(DOCUMENTED.read_text()).items()}
    functions = {name for group, names in features.items() if group.endswith(" function") for name in names}

    assert set(STAGES) <= features["Tabular operator"]
    assert set(AGGREGATES) <= features["Aggregation function"]
    assert set(SCALARS) <= functions
    assert features["String operator"] >= TEXT_OPERATORS


@pytest.mark.parametrize(
    "stage",
    [
        # documented, but duckdb-kql gets it wrong, or Axiom's way is not known well enough
        "| summarize arg_max(_time, *) by s",
        "| summarize arg_min(n, s)",
        "| summarize a = avg(n)",
        "| summarize c = countif(ok)",
        "| summarize s = sumif(n, ok)",
        "| summarize m = make_set(s)",
        "| summarize m = make_list(s)",
        "| summarize d = dcount(s)",
        "| summarize p = percentile(n, 50)",
        "| summarize d = stdev(n)",
        "| summarize m = min(s)",
        "| summarize m = max(ok)",
        "| summarize t = topk(s, 5)",
        "| summarize r = rate(n)",
        "| summarize sum(n)",
        "| summarize x = round(sum(n), 2)",
        "| summarize x = sum(n) / count()",
        "| summarize x = sum(sum(n))",
        "| summarize x = count(n)",
        "| summarize n = count(), n = sum(n)",
        "| summarize n = count() by n",
        "| summarize x = count() by bin(_time, 1h)",
        "| summarize x = count() by t = bin(_time, 7d)",
        "| summarize x = count() by t = bin(_time, 7h)",
        "| summarize x = count() by t = bin(n, 5)",
        "| summarize x = count() by t = bin_auto(_time)",
        "| summarize x = count() by tags",
        "| summarize hint.strategy = shuffle x = count() by s",
        "| summarize",
        "| extend d = dayofweek(_time)",
        "| extend i = toint(s)",
        "| extend x = strcat(s, s)",
        "| extend n + 1",
        "| extend n = f, m = n",  # of which n?
        "| extend x = n / 2",
        "| extend x = s + s",
        "| extend x = -s",
        "| extend x = 9223372036854775808",
        "| project x = _time - _time",
        "| project n, n",
        "| project n + 1",
        "| project tags[0]",
        "| project ['map']['k']",
        "| project map.k",
        "| project-away n",
        "| project-rename m = n",
        "| project-keep n",
        "| project-reorder n",
        "| distinct *",
        "| distinct x = n",
        "| distinct n + 1",
        "| sort by n asc nulls last",
        "| sort by n + 1",
        "| sort by tags",
        "| top 5 by n",
        "| order by n",
        "| take 5",
        "| limit n",
        "| limit -1",
        "| join kind=inner (['other']) on n",
        "| lookup (['other']) on n",
        "| union ['other']",
        "| search 'x'",
        "| parse s with 'x' y",
        "| mv-expand tags",
        "| make-series x = count() on _time step 1h",
        "| getschema",
        "| sample 5",
        "| where s =~ 'x'",
        "| where s !~ 'x'",
        "| where s in~ ('x')",
        "| where s !in~ ('x')",
        "| where s contains 'x'",
        "| where s startswith 'x'",
        "| where s !startswith_cs 'x'",
        "| where s endswith_cs 'x'",
        "| where isnull(s)",
        "| where isnotnull(s)",
        "| where not(ok)",
        "| where iff(ok, n, 2) == 1",
        "| where tolower(s) == 'x'",
        "| where hourofday(_time) == 1",
        "| where startofday(_time) == _time",
        "| where _time > now()",
        "| where _time > ago(1h)",
        "| where _time + 1h > datetime(2026-11-20)",
        "| where n == -n",
        "| where n between (1 .. 2)",
        "| extend x = n + 1",
        "| extend x = n * 2",
        "| extend x = n % 2",
        "| where s has 'x'",
        "| where s matches regex 'x'",
        "| where s has_any ('x')",
        "| where n in (['other'] | project n)",
        "| where n == dynamic([1])",
        "| where s == dynamic('x')",
        # not documented at all
        "| summarize x = take_any(s)",
        "| summarize x = any(s)",
        "| summarize x = make_bag(tags)",
        "| summarize x = count_distinct(s)",
        "| extend x = prev(n)",
        "| extend x = row_number()",
        "| extend x = toscalar(n)",
        "| serialize",
        "| as T",
        "| evaluate bag_unpack(tags)",
        "| take_any 5",
        "| render timechart",
        "| invoke f()",
        # kinds that do not belong together
        "| where n == 's'",
        "| where s == 1",
        "| where s > 'a'",
        "| where s startswith_cs n",
        "| where n",
        "| where s",
        "| where _time > '2026-11-20'",
        "| where _time > 5",
        "| where ok == 1",
        "| where n in ('1')",
        "| where s in (1, 'x')",
        "| where n between ('a' .. 'b')",
        "| where tags == tags",
        "| where isempty(n)",
        "| summarize x = sum(s)",
        # literals that are read in more than one way
        r"| where s == 'a\r'",
        r"| where s == '\u0041'",
        "| where s == 'a\tb'",
        "| where s == 'open",
        "| where s == h'secret'",
        "| where s == 'a' 'b'",
        "| where s == @'a''b'",
        "| where s == ```a```",
        "| where s == null",
        "| where n == int(null)",
        "| where _time > datetime(yesterday)",
        "| where _time > datetime(2026-13-01)",
        "| where _time > datetime(11/20/2026)",
        "| where _time > datetime('2026-11-20')",
        "| where _time > datetime(2026-11-20T00:00:00.1234567Z)",
        "| where _time > datetime(0001-01-01T00:00:00+10:00)",
        "| project x = _time + 9999999d",
        "| where _time + 99999999999d > _time",
        "| extend x = n * 9223372036854775807 * 5",
        "| limit 99999999999999999999999",
        "| where n in ()",
        "| where n in (dynamic([null]))",
        "| where n in (dynamic([datetime(2026-01-01)]))",
        "| where _time > ago(1)",
        "| where _time > ago(1tick)",
        # no query
        "| where",
        "| where n ==",
        "| where (n == 1",
        "| where n == 1)",
        "| where n == 1 |",
        "| | count",
        "| count 5",
        "| where n = 1",
        "| where n == 1 | count; ['other'] | count",
        "| extend",
        "| sort by",
        "| limit 1.5",
        "| where n == 1 \x00",
        "| where ñ == 1",
    ],
)
def test_refused(axiom: AxiomCalls, stage: str) -> None:
    response = axiom.query(stage)

    assert response.status_code == 400, response.text
    answer = response.json()
    assert answer["code"] == 400
    assert answer["message"] == answer["detail"]["message"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "// nothing",
        "let a = 1;",
        "let a = 1; let a = 2; ['cloudflare-audit'] | where n == a",
        "let n = 1; ['cloudflare-audit'] | where n == 1 | extend x = n",
        "let f = (x: long) { x + 1 }; ['cloudflare-audit'] | extend y = f(1)",
        "let t = ['cloudflare-audit'] | where n == 1; t | count",
        "let t = ['cloudflare-audit']; ['cloudflare-audit'] | count",
        "let a = take_any(1); ['cloudflare-audit'] | count",
        "let a ['cloudflare-audit'] | count",
        "set stricttypes; ['cloudflare-audit'] | count",
        "declare query_parameters(s: string = 'x'); ['cloudflare-audit'] | where s == s",
        "print 1",
        "range x from 1 to 5 step 1",
        "datatable(x: long)[1, 2]",
        "union ['cloudflare-audit'], ['other']",
        "cloudflare-audit | count",
        "database('x').t | count",
        "cluster('x').database('y').t | count",
        ".show tables",
        ".drop table events_1",
        ".set-or-replace other <| ['cloudflare-audit']",
        "externaldata (x: string) ['http://127.0.0.1/x.csv']",
        "(['cloudflare-audit'] | count)",
        "['cloudflare-audit']; ['other']",
        "[" * 5_000,
        "['cloudflare-audit'] | where " + "(" * 3_000 + "ok" + ")" * 3_000,
    ],
)
def test_refused_as_a_text(axiom: AxiomCalls, text: str) -> None:
    response = axiom.query_text(text)

    assert response.status_code == 400, response.text


@pytest.mark.parametrize("name", ["datasets", "fields", "events_1", "visible_events", "information_schema.tables"])
@pytest.mark.parametrize("form", ["{}", "['{}']", '["{}"]'])
def test_no_table_but_a_dataset_can_be_read(axiom: AxiomCalls, name: str, form: str) -> None:
    assert axiom.query_text(f"{form.format(name)} | count").status_code in (400, 404)


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "secret.csv", "s3://bucket/x.parquet", "read_csv('/etc/passwd')", 'x" --']
)
def test_no_file_can_be_read(axiom: AxiomCalls, name: str) -> None:
    quoted = f'["{name}"]' if '"' not in name else f"['{name}']"

    assert axiom.query_text(f"{quoted} | count").status_code in (400, 404)


def test_fields_that_differ_only_by_case_are_refused(tmp_path: Path) -> None:
    with serve_sandbox(Sandbox(tmp_path)) as sandbox, connected(sandbox) as axiom:
        axiom.store({"name": 1, "Name": 2})

        assert "case" in axiom.query("| project name").json()["message"]


def test_names_of_columns_made_in_a_query_are_case_sensitive(axiom: AxiomCalls) -> None:
    assert axiom.query("| where N == 1").json()["message"] == 'invalid field "N"'
    assert axiom.query("| extend N = n").status_code == 400
    assert axiom.query("| project N = n").json()["tables"][0]["columns"] == [[1]]
    assert axiom.query("| project m = n | where n == 1").json()["message"] == 'invalid field "n"'
