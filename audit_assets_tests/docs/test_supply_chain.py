"""What is installed is pinned: bounds in pyproject.toml, versions and hashes beside it, and a bill of materials."""

import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CI, SERVICE = ROOT / ".ci/constraints/ci.txt", ROOT / "audit_assets/deploy/constraints.txt"
DEPLOYED = ("ui", "postgres", "docker", "kubernetes", "s3", "gcs", "azure", "geo", "notify")
SUPPORTED = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = ("linux", "darwin", "win32")


def requirements(*extras: str) -> Iterator[Requirement]:
    """What pyproject.toml asks for, with these extras and the extras that they name."""
    project = PROJECT["project"]
    for text in [
        *project["dependencies"],
        *(each for extra in extras for each in project["optional-dependencies"][extra]),
    ]:
        asked = Requirement(text)
        if canonicalize_name(asked.name) == project["name"]:
            yield from requirements(*sorted(asked.extras))
        else:
            yield asked


def pins(path: Path) -> list[tuple[Requirement, int]]:
    """What a file pins, and with how many hashes."""
    joined = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    return [(Requirement(line.split(" --hash=")[0]), line.count("--hash=sha256:")) for line in lines]


def pinned(path: Path, python: str, system: str) -> dict[str, str]:
    """The version of each package that a file pins for a Python and a system."""
    environment = {"python_version": python, "python_full_version": f"{python}.1", "sys_platform": system}
    environment |= {"platform_system": {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[system]}
    found: dict[str, str] = {}
    for requirement, _ in pins(path):
        if requirement.marker is None or requirement.marker.evaluate(environment):
            name = canonicalize_name(requirement.name)
            assert name not in found, f"{name} is pinned twice for Python {python} on {system}"
            found[name] = str(requirement.specifier).removeprefix("==")
    return found


@pytest.mark.parametrize(
    "asked",
    [
        *requirements(*PROJECT["project"]["optional-dependencies"]),
        *map(Requirement, PROJECT["build-system"]["requires"]),
    ],
    ids=str,
)
def test_nothing_floats_without_an_upper_bound(asked: Requirement) -> None:
    assert any(each.operator in ("<", "<=", "==", "~=") for each in asked.specifier)


@pytest.mark.parametrize("script", ["run", "lock", "audit"])
def test_nor_does_a_tool_of_ci(script: str) -> None:
    text = (ROOT / ".ci" / script).read_text(encoding="utf-8")
    for line in re.findall(r"pip\"? install (?:--quiet )?('.*')", text):
        for named in re.findall(r"'([^']+)'", line):
            assert named.startswith(".[") or "<" in named
    assert all(re.search(r"@\d", each) for each in re.findall(r"@[a-z]+/[a-z-]+\S*", text)), "packages of npm"


@pytest.mark.parametrize("path", [CI, SERVICE], ids=lambda path: path.name)
def test_each_pin_has_a_version_and_hashes(path: Path) -> None:
    for requirement, hashes in pins(path):
        assert re.fullmatch(r"==[0-9][0-9a-z.]*", str(requirement.specifier))
        assert hashes > 0


@pytest.mark.parametrize("python", SUPPORTED)
@pytest.mark.parametrize("system", SYSTEMS)
def test_what_is_asked_for_is_pinned_within_its_bounds(python: str, system: str) -> None:
    """A change of pyproject.toml without `bash .ci/lock` is found here."""
    for path, extras in ((CI, ("test", "lint")), (SERVICE, DEPLOYED)):
        versions = pinned(path, python, system)
        for asked in requirements(*extras):
            assert asked.specifier.contains(versions[canonicalize_name(asked.name)]), f"{asked}: run bash .ci/lock"


@pytest.mark.parametrize("python", SUPPORTED)
def test_a_deployment_has_what_ci_has_tested(python: str) -> None:
    tested = pinned(CI, python, "linux")
    deployed = pinned(SERVICE, python, "linux")
    assert deployed.items() <= tested.items()
    assert {"pytest", "duckdb", "ruff"} & deployed.keys() == set()


def bill() -> dict[str, Any]:
    return json.loads((ROOT / ".ci/sbom.json").read_text(encoding="utf-8"))


def test_the_bill_of_materials_lists_a_deployment() -> None:
    assert (bill()["bomFormat"], bill()["specVersion"]) == ("CycloneDX", "1.6")
    assert bill()["metadata"]["component"]["name"] == PROJECT["project"]["name"]
    listed = {canonicalize_name(each["name"]): each["version"] for each in bill()["components"]}
    assert listed in [pinned(SERVICE, python, "linux") for python in SUPPORTED], "run bash .ci/lock"
    assert all(
        each["purl"] == f"pkg:pypi/{canonicalize_name(each['name'])}@{each['version']}" for each in bill()["components"]
    )


@pytest.mark.parametrize("path", [CI, SERVICE, ROOT / ".ci/sbom.json"], ids=lambda path: path.name)
def test_no_registry_and_no_path_is_named(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"://|\bfile:|index-url|find-links|/(?:home|opt|tmp|root|usr)/|pypi\.org|pythonhosted", text)


def test_where_no_service_is_reached_the_audit_is_one_line(tmp_path: Path) -> None:
    """Without a registry, too: pip's settings lead nowhere."""
    nowhere = {
        "PATH": "/usr/bin:/bin",
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
        "PIP_NO_INDEX": "1",
        "HOME": str(tmp_path),
    }
    nowhere |= {"PIP_CONFIG_FILE": "/dev/null"}
    run = subprocess.run(  # noqa: S603 - our own script
        ["/bin/bash", str(ROOT / ".ci/audit")], capture_output=True, text=True, env=nowhere, check=False
    )
    assert (run.returncode, run.stdout) == (0, "pip-audit is not to be had here: nothing was looked up.\n"), run.stderr
