"""A model's inputs: which columns its feature service gives, from which views, of which kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from perennial.declare.model import Model
from perennial.errors import DeclarationError

Kind = Literal["number", "category"]


@dataclass(frozen=True)
class ModelInputs:
    """What a model sees, in order, and what it takes to look it up."""

    columns: dict[str, Kind]
    given: tuple[str, ...]
    looked_up: tuple[str, ...]
    join_keys: dict[str, tuple[str, ...]]
    """Per looked-up view the request fields that find its entity."""
    blanks: dict[str, Any]
    """Per join key a value of its type, to ask with where the caller knows none."""
    ttl_seconds: dict[str, float]
    on_demand: tuple[Any, ...]

    @property
    def names(self) -> list[str]:
        """The columns' names in the model's order."""
        return list(self.columns)


def inputs_of(store: Any, model: Model) -> ModelInputs:
    """Resolve the model's feature service against the registry of `store`.

    Columns are the request fields that are declared as features, then the service's features under
    their full names (`view__feature`). Strings are categories, all else are numbers.
    """
    service = store.get_feature_service(model.features)
    on_demand = {view.name: view for view in store.list_on_demand_feature_views()}
    plain = {view.name: view for view in store.list_feature_views()}
    given = [field for field in model.request.fields if field.feature]
    columns: dict[str, Kind] = {
        field.name: "category" if field.type == "string" else "number" for field in given
    }
    wanted: list[str] = []
    views: list[str] = []
    used: list[Any] = []
    for projection in service.feature_view_projections:
        for feature in projection.features:
            columns[f"{projection.name_to_use()}__{feature.name}"] = _kind(feature)
        if projection.name in on_demand:
            view = on_demand[projection.name]
            used.append(view)
            sources = list(view.source_feature_view_projections.values())
        else:
            sources = [projection]
        for source in sources:
            views.append(source.name)
            wanted += [f"{source.name}:{feature.name}" for feature in source.features]
    join_keys = {name: tuple(plain[name].join_keys) for name in dict.fromkeys(views)}
    columns_of_keys = [field for name in join_keys for field in plain[name].entity_columns]
    _all_known(model, [key for keys in join_keys.values() for key in keys], used)
    return ModelInputs(
        columns=columns,
        given=tuple(field.name for field in given),
        looked_up=tuple(dict.fromkeys(wanted)),
        join_keys=join_keys,
        blanks={field.name: "" if _kind(field) == "category" else 0 for field in columns_of_keys},
        ttl_seconds={
            name: plain[name].ttl.total_seconds()
            for name in dict.fromkeys(views)
            if plain[name].ttl
        },
        on_demand=tuple(used),
    )


def _kind(feature: Any) -> Kind:
    return "category" if str(feature.dtype) == "String" else "number"


def _all_known(model: Model, join_keys: list[str], on_demand: list[Any]) -> None:
    asked = [field.name for field in model.request.fields]
    needed = dict.fromkeys(join_keys, "a join key of its features")
    for view in on_demand:
        for source in view.source_request_sources.values():
            needed |= {field.name: f"request data of {view.name}" for field in source.schema}
    missing = [f"{name} ({why})" for name, why in needed.items() if name not in asked]
    if missing:
        raise DeclarationError(
            [f"models/{model.name}.yaml: request.fields lacks {each}" for each in missing]
        )
