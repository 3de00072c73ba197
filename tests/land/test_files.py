"""Files by glob: formats, compressions, archives, packages, and other file systems."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from perennial.errors import ContractBrokenError, DeclarationError, UnavailableError
from perennial.keep.fingerprints import of_bytes, of_file


def zstd(content: bytes) -> bytes:
    """`content`, compressed as a .zst file."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd,
}


def content(shop: Any, n: int = 3) -> bytes:
    """A CSV delivery."""
    text: str = shop.header + "".join(shop.order(number, "2013-03-01") for number in range(n))
    return text.encode()


def put(shop: Any, name: str, data: bytes) -> Path:
    """Write a file into the inbox."""
    path: Path = shop.root / "inbox" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("suffix", PACKERS)
def test_compressed_files_land_as_plain_ones(shop: Any, suffix: str) -> None:
    put(shop, "orders.csv", content(shop))
    shop.land()
    plain = of_file(shop.table / "day=2013-03-01/part-0.parquet")
    (shop.root / "inbox/orders.csv").unlink()
    path = put(shop, f"orders.csv{suffix}", PACKERS[suffix](content(shop)))
    shop.declare(place={"path": "inbox/orders.csv*"})
    report = shop.land()
    assert of_file(shop.table / "day=2013-03-01/part-0.parquet") == plain
    assert report.files[0].sha256 == of_file(path)  # as delivered, not as unpacked


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_truncated_file_stops_and_is_named(shop: Any, suffix: str) -> None:
    packed = PACKERS[suffix](os.urandom(3000).hex().encode() + content(shop))
    put(shop, f"orders.csv{suffix}", packed[: len(packed) // 2])
    shop.declare(place={"path": "inbox/*"})
    with pytest.raises(
        ContractBrokenError, match=rf"inbox/orders\.csv\{suffix}: cannot be unpacked"
    ):
        shop.land()
    assert not shop.table.exists()


def test_every_member_of_a_zip_lands(shop: Any) -> None:
    path = put(shop, "orders.zip", b"")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("b/2.csv", shop.header + shop.order(1, "2013-03-01", 2))
        archive.writestr("a/1.csv", shop.header + shop.order(1, "2013-03-01", 1) + "bad\n")
        archive.writestr("__MACOSX/a/._1.csv", "junk")
    shop.declare(place={"path": "inbox/*.zip"})
    report = shop.land()
    assert shop.rows()[0]["amount"] == 2.0  # members in name order: the last one wins
    assert [each.file for each in report.files] == ["inbox/orders.zip"]
    (row,) = shop.quarantined()
    assert (row["file"], row["line"]) == ("inbox/orders.zip!a/1.csv", 3)


@pytest.mark.parametrize("damage", ["cut", "flip", "junk"])
def test_a_damaged_zip_stops_and_is_named(shop: Any, damage: str) -> None:
    path = put(shop, "orders.zip", b"")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.csv", content(shop, 500))
    data = bytearray(path.read_bytes())
    if damage == "flip":
        data[len(data) // 3] ^= 0xFF
    path.write_bytes({"cut": bytes(data[:200]), "flip": bytes(data), "junk": b"no zip"}[damage])
    shop.declare(place={"path": "inbox/*.zip"})
    with pytest.raises(ContractBrokenError, match=r"inbox/orders\.zip: cannot be unpacked"):
        shop.land()
    assert not shop.table.exists()


def test_the_files_of_a_glob_come_in_the_order_of_their_names(shop: Any) -> None:
    for n in (10, 2, 1):
        shop.deliver(f"orders-{n:02d}.csv", shop.order(1, "2013-03-01", n))
    report = shop.land()
    assert shop.rows()[0]["amount"] == 10.0
    assert [each.file[-6:] for each in report.files] == ["01.csv", "02.csv", "10.csv"]


def test_a_file_whose_name_looks_like_a_pattern_is_read(shop: Any) -> None:
    shop.deliver("orders[1].csv", shop.order(1, "2013-03-01"))
    shop.deliver("orders1.csv", shop.order(2, "2013-03-01"), "bad\n")
    assert shop.land().n_delivered == 3
    assert [row["file"] for row in shop.quarantined()] == ["inbox/orders1.csv"]


def test_parquet_lands_with_its_types_and_its_row_numbers(shop: Any) -> None:
    shop.declare(place={"path": "inbox/*.parquet"}, format="parquet")
    at = datetime(2013, 3, 1, 10, tzinfo=UTC)
    table = pa.table(
        {
            "id": pa.array(
                [3.0, 1.0, None, 1.5, 4.0, 5.0]
            ),  # whole numbers, as pandas stores nulls
            "placed_at": pa.array([at] * 6, pa.timestamp("ns", tz="America/New_York")),
            "amount": [0.1, 2.5, 1.0, 1.0, None, 1e300],
            "is_paid": [True, False, True, True, None, True],
            "due_on": pa.array([15765] * 6, pa.int32()).cast(pa.date32()),
            "note": pa.array(["ü", None, "", "x", "y", "z"]).dictionary_encode(),
        }
    )
    (shop.root / "inbox").mkdir()
    pq.write_table(table, shop.root / "inbox/orders.parquet")
    shop.land()
    assert shop.ids() == [1, 3, 4, 5]
    assert [row["amount"] for row in shop.rows()] == [2.5, 0.1, None, 1e300]
    assert shop.rows()[1]["placed_at"] == at
    assert shop.rows()[1]["note"] == "ü"
    assert [(row["line"], row["column"]) for row in shop.quarantined()] == [(3, "id"), (4, "id")]


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_broken_parquet_file_stops_and_is_named(shop: Any, keep: float) -> None:
    shop.declare(place={"path": "inbox/*.parquet"}, format="parquet")
    (shop.root / "inbox").mkdir()
    path = shop.root / "inbox/orders.parquet"
    pq.write_table(pa.table({"id": list(range(1000))}), path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(ContractBrokenError, match=r"inbox/orders\.parquet: not a whole Parquet"):
        shop.land()


def test_json_lines_land_and_other_lines_are_set_aside(shop: Any) -> None:
    shop.declare(place={"path": "inbox/*.jsonl"}, format="json")
    row = {"id": 1, "placed_at": "2013-03-01T10:00:00Z", "amount": 2, "is_paid": None,
           "due_on": "2013-03-01", "note": 'a "ü"\n', "new": [1]}  # fmt: skip
    lines = [json.dumps(row), "", "{not json", "[1, 2]",
             json.dumps({**row, "id": 2, "amount": "x"}),
             json.dumps({"id": 3, "placed_at": "2013-03-01", "amount": 3.5})]  # fmt: skip
    shop.deliver("orders.jsonl", "\n".join(lines), header="")
    report = shop.land()
    assert [(each["id"], each["amount"]) for each in shop.rows()] == [(1, 2.0), (3, 3.5)]
    assert shop.rows()[0]["note"] == 'a "ü"\n'
    assert report.added_columns == ("new",)
    assert [(each["line"], each["column"]) for each in shop.quarantined()] == [
        (3, None), (4, None), (5, "amount")
    ]  # fmt: skip
    assert report.n_delivered == 5


def test_files_of_a_package_are_found_without_importing_it(
    shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "site/shipped_orders"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "data/orders.csv.gz").write_bytes(gzip.compress(content(shop)))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    shop.declare(place={"package": "shipped_orders", "path": "data/*.csv.gz"})
    report = shop.land()
    assert report.n_landed == 3
    assert report.files[0].file == "shipped_orders:data/orders.csv.gz"
    assert "shipped_orders" not in sys.modules


def test_a_package_that_is_not_installed_is_a_declaration_error(shop: Any) -> None:
    shop.declare(place={"package": "no_such_package_here", "path": "data/*.csv"})
    with pytest.raises(DeclarationError, match="'no_such_package_here' is not an installed"):
        shop.land()


def test_any_fsspec_file_system_is_read(shop: Any) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/shop/2.csv.gz", gzip.compress(content(shop, 2)))
    memory.pipe("/shop/1.csv", content(shop, 3))
    memory.pipe("/shop/other.txt", b"junk")
    shop.declare(place={"path": "memory://shop/*.csv*"})
    report = shop.land()
    assert report.n_landed == 3
    assert [each.file for each in report.files] == [
        "memory:///shop/1.csv",
        "memory:///shop/2.csv.gz",
    ]
    assert report.files[0].sha256 == of_bytes(content(shop, 3))
    memory.rm("/shop", recursive=True)
    with pytest.raises(UnavailableError, match=r"no file matches memory://shop/\*\.csv\*"):
        shop.land()


def test_an_unknown_file_system_is_unavailable(shop: Any) -> None:
    shop.declare(place={"path": "nosuchthing://bucket/*.csv"})
    with pytest.raises(UnavailableError, match="nosuchthing://bucket"):
        shop.land()


def test_a_path_may_name_the_environment_and_an_unset_name_is_told(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.deliver("orders.csv", shop.order(1, "2013-03-01"))
    shop.declare(place={"path": "${SHOP_INBOX}/*.csv"})
    with pytest.raises(DeclarationError, match="environment variable SHOP_INBOX, which is unset"):
        shop.land()
    monkeypatch.setenv("SHOP_INBOX", str(shop.root / "inbox"))
    report = shop.land()
    assert report.n_landed == 1
    assert report.files[0].file == "inbox/orders.csv"


def test_files_outside_the_project_are_named_as_they_are_declared(
    shop: Any, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "orders.csv").write_bytes(content(shop))
    monkeypatch.setenv("SHOP_INBOX", str(elsewhere))
    shop.declare(place={"path": "${SHOP_INBOX}/*.csv"})
    assert shop.land().files[0].file == "${SHOP_INBOX}/orders.csv"


def test_a_file_that_changes_while_it_is_read_is_not_landed(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from perennial.land import one_source

    path = shop.deliver("orders.csv", shop.order(1, "2013-03-01"))
    read = one_source.read

    def growing(*arguments: Any) -> Any:
        found = read(*arguments)
        path.write_text(path.read_text() + shop.order(2, "2013-03-01"))
        return found

    monkeypatch.setattr(one_source, "read", growing)
    with pytest.raises(UnavailableError, match=r"orders\.csv changed while it was read"):
        shop.land()
    assert shop.days() == []
