"""A model's inputs: which columns its feature service gives, from which views, of which kind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from perennial.declare.model import Model
from perennial.declare.reading import nearest
from perennial.errors import DeclarationError

Kind = Literal["number", "category"]
NUMBERS = ("Bool", "Int32", "Int64", "Float32", "Float64")


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
    ttls: dict[str, timedelta]
    """Per looked-up view that has one: how old a value may be when it is asked for."""
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
    service = _service(store, model)
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
            columns[f"{projection.name}__{feature.name}"] = _kind(feature)
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
        ttls={name: plain[name].ttl for name in dict.fromkeys(views) if plain[name].ttl},
        on_demand=tuple(used),
    )


def _service(store: Any, model: Model) -> Any:
    """The model's feature service; every mistake about it at once."""
    services = {each.name: each for each in store.list_feature_services()}
    if model.features not in services:
        listed = ", ".join(sorted(services)) or "none"
        raise DeclarationError(
            [
                f"models/{model.name}.yaml: features {model.features!r} is not a feature service"
                f"{nearest(model.features, services)} (registered: {listed}; `perennial features` "
                "registers what feature_repo/ declares)"
            ]
        )
    service = services[model.features]
    mistakes = [
        f"feature_repo/: feature service {service.name}: {mistake}"
        for projection in service.feature_view_projections
        for mistake in _mistakes(projection)
    ]
    if mistakes:
        raise DeclarationError(mistakes)
    return service


def _mistakes(projection: Any) -> list[str]:
    """What a model cannot take of a view."""
    found = [
        f"{projection.name}__{feature.name} is of type {feature.dtype}, which is no input of a "
        f"model (accepted: {', '.join(NUMBERS)}, String)"
        for feature in projection.features
        if str(feature.dtype) not in (*NUMBERS, "String")
    ]
    if projection.name_alias or projection.join_key_map:
        found.append(
            f"{projection.name} is taken under another name or by other keys, which is not "
            "supported; declare a view of its own"
        )
    return found


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
