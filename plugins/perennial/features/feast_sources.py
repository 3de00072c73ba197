"""From Feast's declarations to rows that DuckDB can read: where they lie, by which names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from feast import FeatureView, FileSource
from feast.data_format import ParquetFormat
from feast.data_source import DataSource
from feast.feature_view import DUMMY_ENTITY_ID
from feast.repo_config import RepoConfig

from perennial.errors import DeclarationError, UnavailableError
from perennial.features.view_rows import ViewRows
from perennial.keep.quoting import text


def rows_of(
    view: FeatureView, feature_refs: Sequence[str], full_feature_names: bool, config: RepoConfig
) -> ViewRows:
    """What `view` contributes when `feature_refs` ("view:feature") are asked for."""
    source = view.batch_source
    scan = scan_of(source, config, f"feature view '{view.name}'")
    assert source is not None, "scan_of has refused it"
    column_of = {name: column for column, name in source.field_mapping.items()}
    asked_as = str(view.projection.name_to_use())  # type: ignore[no-untyped-call]  # Feast's own
    prefix = f"{asked_as}:"
    names = [ref.removeprefix(prefix) for ref in feature_refs if ref.startswith(prefix)]
    shown = f"{view.projection.name_alias or view.name}__" if full_feature_names else ""
    keys = [field.name for field in view.entity_columns if field.name != DUMMY_ENTITY_ID]
    renamed = view.projection.join_key_map
    created = source.created_timestamp_column
    return ViewRows(
        name=asked_as,
        scan=scan,
        keys=tuple((column_of.get(key, key), renamed.get(key, key)) for key in keys),
        features=tuple((column_of.get(n, n), f"{shown}{n}") for n in dict.fromkeys(names)),
        event_timestamp=column_of.get(source.timestamp_field, source.timestamp_field),
        created_timestamp=column_of.get(created, created) or None,
        ttl=view.ttl or None,
    )


def scan_of(source: DataSource | None, config: RepoConfig, asked_by: str) -> str:
    """The Parquet behind a FileSource as a FROM expression.

    Raises `UnavailableError` when there are no files, `DeclarationError` for another source.
    """
    path = path_of(source, config, asked_by)
    is_file = path.suffix == ".parquet"
    pattern = str(path if is_file else path / "**" / "*.parquet")
    if not (path.is_file() if is_file else any(path.rglob("*.parquet"))):
        assert isinstance(source, FileSource), "path_of has refused it"
        raise UnavailableError(
            f"{asked_by}: no Parquet files at {pattern}. Its FileSource '{source.name}' declares "
            f"path '{source.path}', which starts at the feature repository {config.repo_path}. "
            "Build that table first, or correct the path."
        )
    return f"read_parquet({text(pattern)}, hive_partitioning = true, union_by_name = true)"


def path_of(source: DataSource | None, config: RepoConfig, asked_by: str) -> Path:
    """The file or folder of a FileSource of Parquet; relative ones start at the repository."""
    if not isinstance(source, FileSource) or not isinstance(
        source.file_format, ParquetFormat | None
    ):
        raise DeclarationError(
            [
                f"{asked_by}: its source is {type(source).__name__} "
                f"'{getattr(source, 'name', '')}'; this offline store reads FileSource of Parquet."
            ]
        )
    if "://" in source.path:
        raise DeclarationError(
            [
                f"{asked_by}: FileSource '{source.name}' declares path '{source.path}'; "
                "this offline store reads local files and folders."
            ]
        )
    return Path(config.repo_path or ".", source.path)
