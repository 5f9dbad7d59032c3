"""The shipped files have the form that their readers expect, fit together, and are written out without any loss."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._config import process_config
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from audit_assets.cli.deploy_command import shipped_files
from audit_assets.cli.doctor_instance import judge_instance, read_instance
from audit_assets.cli.main import app
from audit_assets.config.errors import SettingError
from audit_assets.config.secret_files import file_variable
from audit_assets.config.settings_table import OWN, SETTINGS

SHIPPED = dict(shipped_files())
COMPOSE_SCHEMA = os.environ.get("AUDIT_ASSETS_TESTS_COMPOSE_SCHEMA")
"""The Compose specification's compose-spec.json, where it is at hand (.ci/run)."""

CHART = os.environ.get("AUDIT_ASSETS_TESTS_DAGSTER_CHART")
"""A folder with values.yaml and values.schema.json of Dagster's official chart, where it is at hand."""

OF_THE_CHART = frozenset(
    {"scheduler", "schedule_storage", "run_launcher", "run_storage", "event_log_storage", "run_coordinator"}
    | {"compute_logs", "python_logs", "run_monitoring", "run_retries", "sensors", "schedules", "backfills"}
    | {"telemetry", "retention", "concurrency"}
)
"""What the chart writes into dagster.yaml (docs/facts/dagster.md, B13)."""

SECRETS = [name for name, known in SETTINGS.items() if known.secret]
REQUIRED = [name for name, known in SETTINGS.items() if known.default is None]
VARIABLES = {*(name for name, known in SETTINGS.items() if not known.secret), *map(file_variable, SECRETS)}
HOURS_IN_DOCKER = "/var/lib/audit-assets/hours"
"""AUDIT_ASSETS_STORAGE of compose.yaml, where nobody sets another one."""

DATABASE = {f"DAGSTER_PG_{name}": "5432" for name in ("HOST", "PORT", "USERNAME", "PASSWORD", "DB")}


def read(name: str) -> Any:
    return yaml.safe_load(SHIPPED[name])


def deploy(folder: Path) -> str:
    result = CliRunner().invoke(app, ["deploy", "--to", str(folder)])
    if result.exception:
        raise result.exception
    return result.output


def test_what_is_written_is_what_is_shipped_and_open_to_a_container(tmp_path: Path) -> None:
    output = deploy(tmp_path / "new" / "deployment")
    for name, content in SHIPPED.items():
        path = tmp_path / "new" / "deployment" / name
        assert path.read_bytes() == content
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o644, 0o755)
        assert f"written: {path}" in output
    assert "README.md there has what to do next" in output


def test_what_differs_is_not_overwritten_and_then_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {}")
    (tmp_path / "Dockerfile").mkdir()
    with pytest.raises(SettingError) as error:
        deploy(tmp_path)
    assert str(error.value).startswith(
        f"Dockerfile, compose.yaml in {tmp_path} would be overwritten, and differs: name"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Dockerfile", "compose.yaml"]


def test_written_again_everything_is_as_it_was(tmp_path: Path) -> None:
    deploy(tmp_path)
    (tmp_path / "workspace.yaml").unlink()
    output = deploy(tmp_path)
    assert output.count("as it was: ") == len(SHIPPED) - 1
    assert f"written: {tmp_path / 'workspace.yaml'}" in output


def test_a_folder_that_can_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        SettingError, match=r"file/here can't be written: Not a directory\. Name another folder with --to"
    ):
        deploy(tmp_path / "file" / "here")


@pytest.mark.parametrize("name", ["dagster.yaml", "docker/dagster.yaml"])
def test_dagster_takes_the_instance_and_the_doctor_has_nothing_against_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("dagster_docker" if name.startswith("docker") else "dagster_postgres")
    for variable, value in DATABASE.items():
        monkeypatch.setenv(variable, value)
    content = read(name)
    storage = content.pop("storage")["postgres"]["postgres_db"]
    assert {each["env"] for each in storage.values()} == {*DATABASE}
    (tmp_path / "dagster.yaml").write_text(
        yaml.safe_dump({**content, "storage": {"sqlite": {"base_dir": str(tmp_path)}}})
    )
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        launcher = instance.run_launcher  # which its own schema has taken
        found = list(judge_instance(read_instance(instance), HOURS_IN_DOCKER))
    assert type(launcher).__name__ == content["run_launcher"]["class"]
    assert {each.check for each in found if each.status != "ok"} <= {"instance_storage"}  # SQLite is the test's
    assert read("docker/dagster.yaml") | {"run_launcher": 0} == read("dagster.yaml") | {"run_launcher": 0}


def test_no_dead_run_stalls_the_queue_for_long() -> None:
    """Of all three ways to deploy, and of `audit-assets dev`."""
    chart = read("kubernetes/values.yaml")["dagsterDaemon"]["runMonitoring"]
    own = yaml.safe_load((files("audit_assets.config") / "dagster.yaml").read_text())["run_monitoring"]
    shipped = [read(name)["run_monitoring"] for name in ("dagster.yaml", "docker/dagster.yaml")]
    assert {each["poll_interval_seconds"] for each in (own, *shipped)} == {chart["pollIntervalSeconds"]} == {15}
    assert {each["max_runtime_seconds"] for each in shipped} == {chart["maxRuntimeSeconds"]} == {1800}


def test_compose_gives_every_process_and_every_run_all_settings() -> None:
    compose = read("compose.yaml")
    settings = compose["x-settings"]
    assert {*settings} >= VARIABLES
    for name in ("code-server", "daemon", "webserver"):
        assert settings.items() <= compose["services"][name]["environment"].items()
    assert set(read("docker/dagster.yaml")["run_launcher"]["config"]["env_vars"]) == {*settings}
    for name in REQUIRED:
        given = settings[file_variable(name) if name in SECRETS else name]
        insists = "-" if name in OWN else "?"  # a file of accounts has those that each account has by itself
        assert given == (f"/run/audit-assets/{name.lower()}" if name in SECRETS else f"${{{name}:{insists}}}")
    assert settings["AUDIT_ASSETS_STORAGE"] == f"${{AUDIT_ASSETS_STORAGE:-{HOURS_IN_DOCKER}}}"


def test_containers_and_runs_share_networks_and_volumes_by_name() -> None:
    compose, launcher = read("compose.yaml"), read("docker/dagster.yaml")["run_launcher"]["config"]
    assert set(launcher["networks"]) <= {each["name"] for each in compose["networks"].values()}
    named = {each["name"]: key for key, each in compose["volumes"].items() if each}
    mounts = compose["services"]["code-server"]["volumes"]
    for volume in launcher["container_kwargs"]["volumes"]:
        name, _, target = volume.partition(":")
        assert f"{named[name]}:{target}" in mounts
    no_code_server = {"test": ["NONE"]}  # the image's health check would ask a run for one
    assert launcher["container_kwargs"]["healthcheck"] == no_code_server
    for service in ("code-server", "daemon", "webserver"):
        kept = compose["services"][service]
        assert (kept["read_only"], kept["cap_drop"], kept["stop_grace_period"]) == (True, ["ALL"], "10s")


def test_nothing_is_published_but_the_ui_on_loopback() -> None:
    ports = [port for service in read("compose.yaml")["services"].values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:3000:3000"]


def test_no_file_holds_a_secret_or_names_a_registry_or_a_host_of_ours() -> None:
    for name, content in SHIPPED.items():
        text = content.decode()
        assert "index-url" not in text
        for line in text.splitlines():
            for secret in SECRETS:
                assert f"{secret}=" not in line, name
                assert f"{secret}:" not in line, name


@pytest.mark.skipif(not COMPOSE_SCHEMA, reason="AUDIT_ASSETS_TESTS_COMPOSE_SCHEMA names no compose-spec.json")
def test_compose_is_valid_by_the_specifications_schema() -> None:
    schema = json.loads(Path(str(COMPOSE_SCHEMA)).read_text())
    assert [error.message for error in Draft202012Validator(schema).iter_errors(read("compose.yaml"))] == []


@pytest.mark.skipif(not CHART, reason="AUDIT_ASSETS_TESTS_DAGSTER_CHART names no copy of the chart")
def test_the_values_are_valid_by_the_charts_schema() -> None:
    chart = Path(str(CHART))
    schema = json.loads((chart / "values.schema.json").read_text())
    values = merged(yaml.safe_load((chart / "values.yaml").read_text()), read("kubernetes/values.yaml"))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(values)] == []


def merged(chart: Any, ours: Any) -> Any:
    """Values over those of the chart, as Helm merges them."""
    if isinstance(chart, Mapping) and isinstance(ours, Mapping):
        return {**chart, **{name: merged(chart.get(name), value) for name, value in ours.items()}}
    return ours


def test_the_values_name_every_required_setting_and_clash_with_nothing() -> None:
    values = read("kubernetes/values.yaml")
    (code,) = values["dagster-user-deployments"]["deployments"]
    named = {each["name"]: each["value"] for each in code["env"]}
    assert {file_variable(name) if name in SECRETS else name for name in REQUIRED} <= {*named}
    assert named["DAGSTER_LOCATION_NAME"] == code["name"]
    assert not OF_THE_CHART & {*values["additionalInstanceConfig"]}
    assert values["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"] == {}
    (secret,) = [each["secret"] for each in code["volumes"] if "secret" in each]
    assert secret["defaultMode"] == 0o440
    for part in (code, values["dagsterWebserver"], values["dagsterDaemon"]):
        assert part["securityContext"]["readOnlyRootFilesystem"]
        assert part["podSecurityContext"]["runAsNonRoot"]
        assert {"name": "tmp", "mountPath": "/tmp"} in part["volumeMounts"]  # noqa: S108 - in a container
        assert part["image"] == code["image"]


def test_what_the_values_make_of_a_launched_run_is_what_its_launcher_takes() -> None:
    launcher = pytest.importorskip("dagster_k8s").K8sRunLauncher
    ours = read("kubernetes/values.yaml")["runLauncher"]["config"]["k8sRunLauncher"]
    snake = {
        "pod_spec_config": ours["runK8sConfig"]["podSpecConfig"],
        "job_spec_config": ours["runK8sConfig"]["jobSpecConfig"],
    }
    config = {
        "service_account_name": "dagster",
        "instance_config_map": "dagster-instance",
        "dagster_home": "/opt/dagster/dagster_home",
        "postgres_password_secret": "audit-assets-postgresql",
        "image_pull_policy": ours["imagePullPolicy"],
        "load_incluster_config": ours["loadInclusterConfig"],
        "resources": ours["resources"],
        "run_k8s_config": snake,
    }
    assert process_config(launcher.config_type(), config).success


def units() -> Iterator[str]:
    yield from (name for name in SHIPPED if name.endswith((".service", ".target")))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """Their programs are where they are not here: in their place any program."""
    for name in units():
        text = SHIPPED[name].decode().replace("/opt/audit-assets/bin/", f"{tmp_path}/bin/")
        (tmp_path / Path(name).name).write_text(text)
    (tmp_path / "bin").mkdir()
    for program in ("dagster", "dagster-daemon", "dagster-webserver"):
        (tmp_path / "bin" / program).symlink_to("/bin/true")
    verified = subprocess.run(  # noqa: S603 - systemd's own
        ["systemd-analyze", "verify", *(str(tmp_path / Path(name).name) for name in units())],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    about = [line for line in verified.stderr.splitlines() if "audit-assets" in line]
    assert (verified.returncode, about) == (0, [])


def test_the_units_give_what_runs_ten_seconds_and_each_secret_as_a_file() -> None:
    for name in (name for name in units() if name.endswith(".service")):
        text = SHIPPED[name].decode()
        assert "TimeoutStopSec=10" in text
        assert "KillMode=control-group" in text
    code_server = SHIPPED["systemd/audit-assets-code-server.service"].decode()
    for name in (name for name in REQUIRED if name in SECRETS):
        assert f"LoadCredential={name.lower()}:/etc/audit-assets/secrets/{name.lower()}\n" in code_server
        assert f"Environment={file_variable(name)}=%d/{name.lower()}\n" in code_server


def test_the_image_installs_what_is_pinned_and_runs_as_nobody_special() -> None:
    lines = SHIPPED["Dockerfile"].decode()
    assert "--require-hashes --only-binary :all: -r /build/constraints.txt" in lines
    assert "\nUSER 10001:10001\n" in lines
    assert "HEALTHCHECK" in lines
    run_as = read("kubernetes/values.yaml")["dagsterDaemon"]["podSecurityContext"]
    assert (run_as["runAsUser"], run_as["fsGroup"]) == (10001, 10001)
