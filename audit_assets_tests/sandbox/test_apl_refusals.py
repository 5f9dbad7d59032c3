"""What the sandbox's APL refuses: all that it is not sure of, loudly, and all that is no business of a query."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_assets.sandbox.axiom.apl_expressions import OPERATORS
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
    words = {name for name in OPERATORS if name.isidentifier()}
    assert words <= features["String operator"] | features["Logical operator"]


@pytest.mark.parametrize(
    "stage",
    [
        # documented, but no query of ours needs it
        "| count",
        "| project n",
        "| where s == 'x'",
        "| where s != 'x'",
        "| where _time > datetime(2026-11-20T00:00:00Z)",
        "| where _time <= datetime(2026-11-20T00:00:00Z)",
        "| where n in (1)",
        "| where ok in (true)",
        "| where s in (@'x')",
        "| where _time >= datetime(2026-11-20)",
        "| extend n = s",
        "| extend x = s, x = s",
        "| extend x = s, y = x",
        "| extend x = bin(_time, 30m)",
        "| summarize count()",
        "| summarize by s",
        "| summarize x = sum(f)",
        "| summarize x = max(n)",
        "| summarize x = count() by t = s",
        "| summarize x = count() by t = bin(_time, 1h)",
        "| distinct s, s",
        "| distinct tags",
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
        "| summarize x = count() by bin(_time, 7d)",
        "| summarize x = count() by bin_auto(_sysTime)",
        "| summarize x = count() by bin_auto(_time), bin(_time, 1h)",
        "| extend x = bin_auto(_time)",
        "| extend x = datetime_diff('day', _time, _sysTime)",
        "| extend x = datetime_diff('hour', _time, s)",
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
        "| where n",
        "| where s",
        "| where ok and s",
        "| where s startswith_cs n",
        "| where n startswith_cs 's'",
        "| where s >= 'a'",
        "| where n < n",
        "| where _time >= '2026-11-20'",
        "| where n in ('1')",
        "| where s in ('x', n)",
        "| where tags in ('a')",
        "| where isempty(n)",
        "| where isempty(s, s)",
        "| extend x = bin(n, 1h)",
        "| extend x = bin(_time, s)",
        "| extend x = column_ifexists(s, 'x')",
        "| extend x = column_ifexists('s')",
        "| summarize x = sum(s)",
        # literals that are read in more than one way
        r"| where s in ('a\r')",
        r"| where s in ('\u0041')",
        "| where s in ('a\tb')",
        "| where s in ('open)",
        "| where s in (h'secret')",
        "| where s in ('a' 'b')",
        "| where s in (@'a''b')",
        "| where s in (```a```)",
        "| where s in (null)",
        "| where _time >= datetime(yesterday)",
        "| where _time >= datetime(2026-13-01T00:00:00Z)",
        "| where _time >= datetime(11/20/2026)",
        "| where _time >= datetime('2026-11-20')",
        "| where _time >= datetime(2026-11-20T00:00:00.1234567Z)",
        "| where _time >= datetime(0001-01-01T00:00:00+10:00)",
        "| limit 99999999999999999999999",
        "| where s in ()",
        "| where s in (dynamic(['x']))",
        # no query
        "| where",
        "| where s in",
        "| where (ok",
        "| where ok)",
        "| where ok |",
        "| | limit 5",
        "| where s = 'x'",
        "| where ok | limit 5; ['other'] | limit 5",
        "| extend",
        "| sort by",
        "| limit 1.5",
        "| where ok \x00",
        "| where isempty(ñ)",
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
        "let a = 'x';",
        "let a = 'x'; let a = 'y'; ['cloudflare-audit'] | where s in (a)",
        "let s = 'x'; ['cloudflare-audit'] | where s in ('x') | extend x = s",
        "let f = (x: long) { x + 1 }; ['cloudflare-audit'] | extend y = f(1)",
        "let a = dynamic([]); ['cloudflare-audit'] | where s in (a)",
        "let a = dynamic(['x', ['y']]); ['cloudflare-audit'] | where s in (a)",
        "let a = dynamic(['x', 1]); ['cloudflare-audit'] | where s in (a)",
        "let a = dynamic('x'); ['cloudflare-audit'] | where s in (a)",
        "let a = dynamic(1); ['cloudflare-audit'] | where s in (a)",
        "let a = 1h; ['cloudflare-audit'] | extend t = bin(_time, a)",
        "['cloudflare-audit'] | distinct s | extend t = bin(_time, 1h)",
        "other | limit 5",
        "let t = ['cloudflare-audit'] | where ok; t | limit 5",
        "let t = ['cloudflare-audit']; ['cloudflare-audit'] | limit 5",
        "let a = take_any(1); ['cloudflare-audit'] | limit 5",
        "let a ['cloudflare-audit'] | limit 5",
        "set stricttypes; ['cloudflare-audit'] | limit 5",
        "declare query_parameters(s: string = 'x'); ['cloudflare-audit'] | where isempty(s)",
        "print 1",
        "range x from 1 to 5 step 1",
        "datatable(x: long)[1, 2]",
        "union ['cloudflare-audit'], ['other']",
        "cloudflare-audit | limit 5",
        "database('x').t | limit 5",
        "cluster('x').database('y').t | limit 5",
        ".show tables",
        ".drop table events_1",
        ".set-or-replace other <| ['cloudflare-audit']",
        "externaldata (x: string) ['http://127.0.0.1/x.csv']",
        "(['cloudflare-audit'] | limit 5)",
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
    assert axiom.query_text(f"{form.format(name)} | limit 5").status_code in (400, 404)


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "secret.csv", "s3://bucket/x.parquet", "read_csv('/etc/passwd')", 'x" --']
)
def test_no_file_can_be_read(axiom: AxiomCalls, name: str) -> None:
    quoted = f'["{name}"]' if '"' not in name else f"['{name}']"

    assert axiom.query_text(f"{quoted} | limit 5").status_code in (400, 404)


def test_fields_that_differ_only_by_case_are_refused(tmp_path: Path) -> None:
    with serve_sandbox(Sandbox(tmp_path)) as sandbox, connected(sandbox) as axiom:
        axiom.store({"name": 1, "Name": 2})

        assert "case" in axiom.query("| distinct name").json()["message"]


def test_names_of_columns_made_in_a_query_are_case_sensitive(axiom: AxiomCalls) -> None:
    assert axiom.query("| where isempty(S)").json()["message"] == 'invalid field "S"'
    assert axiom.query("| extend S = s").status_code == 400
    assert axiom.query("| summarize S = count()").json()["tables"][0]["columns"] == [[1]]
    assert axiom.query("| distinct n | where isempty(s)").json()["message"] == 'invalid field "s"'
