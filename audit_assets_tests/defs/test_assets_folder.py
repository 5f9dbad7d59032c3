"""`defs/assets/` holds assets and nothing else, each of the same shape, and Dagster sees what each reads."""

import ast
from pathlib import Path

import dagster as dg
import pytest

from audit_assets.config.accounts import ENVIRONMENT
from audit_assets.defs import assets
from audit_assets.defs.build import ASSETS, build_defs
from audit_assets.defs.hourly_asset import SCHEMAS
from audit_assets.storage import tables
from audit_assets.storage.tables import TABLES_OF

FOLDER = Path(assets.__file__).parent
FILES = sorted(path for path in FOLDER.glob("*.py") if path.name != "__init__.py")
LONGEST_BODY = 60
MOST_HELPERS = 1

DEFINED = [define(ENVIRONMENT) for define in ASSETS]


def names_of(asset: dg.AssetsDefinition) -> str:
    return asset.key.to_user_string()


def test_each_file_is_named_after_its_asset() -> None:
    assert [path.stem for path in FILES] == sorted(names_of(asset) for asset in DEFINED)
    assert len(FILES) == 9


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_a_charter_a_config_an_asset_and_at_most_one_small_helper(path: Path) -> None:
    module = ast.parse(path.read_text(encoding="utf-8"))
    charter = " ".join((ast.get_docstring(module) or "").split())
    assert all(part in charter for part in ("→", "In: ", "Out", "True afterwards: "))
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    (asset,) = [function for function in functions if function.name == path.stem]
    assert ast.get_docstring(asset)
    helpers = [function for function in functions if function is not asset]
    assert len(helpers) <= MOST_HELPERS
    assert all(helper.name.startswith("_") for helper in helpers)
    for function in functions:
        first, last = function.body[0].lineno, function.end_lineno or 0
        assert last - first + 1 < LONGEST_BODY, function.name


def test_every_asset_depends_on_the_writers_of_the_tables_that_it_reads() -> None:
    writer_of = {table: asset for asset, tables in TABLES_OF.items() for table in tables.writes}
    graph = build_defs().resolve_asset_graph()
    for asset in DEFINED:
        name = names_of(asset)
        read = {writer_of[table] for table in TABLES_OF[name].reads}
        assert {parent.to_user_string() for parent in graph.get(asset.key).parent_keys} == read
        assert name not in read


def test_every_table_is_written_by_one_asset_and_every_asset_is_listed() -> None:
    constants = {value for name, value in vars(tables).items() if name.isupper() and isinstance(value, str)}
    of_no_asset = {tables.FIRST_START, tables.FIRST_CONTACT, tables.STORE_ACCOUNT, tables.FIRST_HOURS}
    written = sorted(table for of_asset in TABLES_OF.values() for table in of_asset.writes)
    assert sorted(constants - of_no_asset) == written
    assert all({*of_asset.reads, *of_asset.reads_late} <= constants for of_asset in TABLES_OF.values())
    assert list(TABLES_OF) == [names_of(asset) for asset in DEFINED]


def tables_named_in(modules: list[Path]) -> set[str]:
    """The tables whose names these modules import."""
    imported = [
        alias.name
        for path in modules
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == tables.__name__
        for alias in node.names
    ]
    return {getattr(tables, name) for name in imported if name.isupper() and name != "TABLES_OF"}


def test_no_module_reads_a_table_that_is_not_listed_for_an_asset() -> None:
    """What each asset's own module and the step named for it import is listed as written or read by it."""
    steps = FOLDER.parent / "steps"
    modules = {
        "raw_audit_entries": ["hour_entries"],
        "axiom_ingest": ["axiom_events"],
        "organisation_history": ["organisation_day"],
        "actor_baselines": ["hour_baselines"],
        "flagged_actors": ["hour_flags"],
        "opened_tickets": ["hour_tickets", "ticket_writing"],
        "daily_digest": ["day_digest"],
        "flagged_actor_summary": ["hour_summary"],
        "ticket_verdicts": ["verdicts"],
    }
    for asset, names in modules.items():
        used = tables_named_in([FOLDER / f"{asset}.py", *(steps / f"{name}.py" for name in names)])
        listed = TABLES_OF[asset]
        assert used <= {*listed.writes, *listed.reads, *listed.reads_late}, asset


def test_an_asset_that_writes_a_frame_shows_its_columns() -> None:
    for asset in DEFINED:
        (metadata,) = asset.metadata_by_key.values()
        schema = SCHEMAS.get(metadata["dagster/table_name"])
        shown = metadata.get("dagster/column_schema")
        columns = [column.name for column in shown.columns] if shown else None
        assert columns == (schema.names() if schema else None)


def test_steps_import_no_dagster() -> None:
    for path in (FOLDER.parent / "steps").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not any(name.split(".")[0] == "dagster" for name in names), path.name
