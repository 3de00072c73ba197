"""Keys and values are read and written as Feast's own functions do."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.features.entity_keys import VERSION, EntityKeys
from perennial.features.repository import load

load()  # Feast, silent

from feast import ValueType  # noqa: E402  # only now
from feast.infra.key_encoding_utils import serialize_entity_key  # noqa: E402
from feast.protos.feast.types.Value_pb2 import Value  # noqa: E402
from feast.type_map import feast_value_type_to_python_type  # noqa: E402

from perennial.features.stored_values import value_of  # noqa: E402

KEYS = {
    ValueType.STRING: st.text(st.characters(codec="utf-8"), max_size=20),
    ValueType.INT32: st.integers(-(2**31), 2**31 - 1),
    ValueType.INT64: st.integers(-(2**63), 2**63 - 1),
    ValueType.BYTES: st.binary(min_size=1, max_size=8),
}
JOIN_KEYS = st.lists(
    st.sampled_from(sorted(KEYS, key=lambda each: each.value)).flatmap(
        lambda type_: st.tuples(st.text("abcé_", min_size=1), st.just(type_), KEYS[type_])
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda each: each[0],
)


@given(JOIN_KEYS)
def test_a_key_has_the_bytes_that_feast_gives_it(join_keys: list[tuple[str, Any, Any]]) -> None:
    keys = EntityKeys([(name, type_) for name, type_, _ in join_keys])
    values = tuple(value for _, _, value in join_keys)
    key = values if len(values) > 1 else values[0]
    assert keys.encode(key) == serialize_entity_key(keys.message(key), VERSION)


def test_a_number_too_large_for_its_type_is_refused() -> None:
    with pytest.raises(struct.error, match="2147483647"):
        EntityKeys([("number", ValueType.INT32)]).encode(2**31)


VALUES = st.one_of(
    st.builds(Value, double_val=st.floats(allow_nan=False)),
    st.builds(Value, float_val=st.floats(width=32, allow_nan=False)),
    st.builds(Value, int32_val=KEYS[ValueType.INT32]),
    st.builds(Value, int64_val=KEYS[ValueType.INT64]),
    st.builds(Value, bool_val=st.booleans()),
    st.builds(Value, string_val=KEYS[ValueType.STRING]),
    st.builds(Value, unix_timestamp_val=st.integers(-(2**31), 2**33)),
    st.just(Value()),
)


@given(VALUES)
def test_a_stored_value_is_read_as_feast_reads_it(value: Any) -> None:
    expected = feast_value_type_to_python_type(value)
    found = value_of(value.SerializeToString(), ValueType.STRING)
    assert (found, type(found)) == (expected, type(expected))


def test_what_is_not_there_is_none() -> None:
    assert value_of(None, ValueType.DOUBLE) is None
    assert value_of(b"", ValueType.DOUBLE) is None
