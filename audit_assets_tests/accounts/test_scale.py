"""The benchmark of scale still measures: a day of history, and one account by itself."""

import re

import pytest

from audit_assets_tests.benchmarks import scale


def test_it_prints_each_figure_beside_its_bound(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--days", "1", "--accounts", "--hours", "2", "--planned-hours", "40"]
    monkeypatch.setattr("sys.argv", ["scale", *arguments])
    scale.main()
    printed = capsys.readouterr().out
    for name in ("objects read twice", "rows read by Axiom: most", "S3: of a month"):
        (line,) = [each for each in printed.splitlines() if each.strip().startswith(name)]
        assert line.endswith("  holds"), line
    assert re.search(r"S3: most requests of an hour-run +\d+ +25 +(does not hold|holds)\n", printed)
    assert re.search(r"runs \(computed\) +1\.\d\d +1\.5 +holds", printed)
    (memory,) = re.findall(r"peak memory of it, MB +(\d+)", printed)
    assert 100 < int(memory) < 1_000
    assert re.search(r"requests to Cloudflare +[\d,]{5,}\n", printed), "of a year"
