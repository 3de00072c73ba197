"""Partitions: whole or not at all, and the same bytes for the same rows."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from perennial.keep import partitions
from perennial.keep.engine import connect

DAY = date(2013, 3, 1)


def rows(n: int, value: int = 1) -> pa.Table:
    """`n` rows of one value."""
    return pa.table({"value": pa.array([value] * n, pa.int64())})


def read(table: Path, day: date = DAY) -> list[int]:
    """The values of one day."""
    found: list[int] = pq.ParquetFile(partitions.partition(table, day)).read()["value"].to_pylist()
    return found


def test_a_published_day_is_read_back(tmp_path: Path) -> None:
    path = partitions.publish(tmp_path / "raw/orders", DAY, rows(3), tmp_path)
    assert path == tmp_path / "raw/orders/day=2013-03-01/part-0.parquet"
    assert read(tmp_path / "raw/orders") == [1, 1, 1]
    assert not list((tmp_path / ".aside").iterdir())


def test_duckdb_reads_the_days_as_a_column(tmp_path: Path) -> None:
    table = tmp_path / "orders"
    for day in (1, 2):
        partitions.publish(table, date(2013, 3, day), rows(day), tmp_path)
    with connect() as connection:
        found = connection.execute(
            f"SELECT day, count(*) FROM read_parquet('{partitions.glob_of(table)}', "
            "hive_partitioning = true) GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert found == [(date(2013, 3, 1), 1), (date(2013, 3, 2), 2)]


def test_publishing_twice_leaves_the_same_bytes_and_another_content_replaces_it(
    tmp_path: Path,
) -> None:
    first = partitions.publish(tmp_path / "t", DAY, rows(3), tmp_path).read_bytes()
    assert partitions.publish(tmp_path / "t", DAY, rows(3), tmp_path).read_bytes() == first
    partitions.publish(tmp_path / "t", DAY, rows(1, 2), tmp_path)
    assert read(tmp_path / "t") == [2]


def test_the_same_rows_in_other_chunks_are_the_same_bytes(tmp_path: Path) -> None:
    whole = pa.table({"value": list(range(10_000))})
    parts = pa.concat_tables([whole.slice(n, 7) for n in range(0, 10_000, 7)])
    partitions.write(whole, tmp_path / "a")
    partitions.write(parts, tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_days_and_files_are_listed_in_order_and_within_half_open_bounds(tmp_path: Path) -> None:
    table = tmp_path / "t"
    for day in (3, 1, 2):
        partitions.publish(table, date(2013, 3, day), rows(1), tmp_path)
    (table / "day=2013-03-09").mkdir()  # a folder without its file is no day
    assert partitions.days_of(table) == [date(2013, 3, day) for day in (1, 2, 3)]
    assert partitions.files_of(table, date(2013, 3, 2), date(2013, 3, 3)) == [
        partitions.partition(table, date(2013, 3, 2))
    ]
    assert len(partitions.files_of(table)) == 3
    assert partitions.days_of(tmp_path / "nothing") == []


def test_days_between_is_half_open() -> None:
    assert partitions.days_between(date(2012, 2, 28), date(2012, 3, 1)) == [
        date(2012, 2, 28),
        date(2012, 2, 29),
    ]
    assert partitions.days_between(DAY, DAY) == []


@pytest.mark.parametrize("bounds", [("2013-03-02", "2013-03-01"), ("2013-3-1", "2013-03-02")])
def test_a_period_that_is_none_is_refused(bounds: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="start"):
        partitions.period(*bounds)


def test_many_days_are_published_at_once(tmp_path: Path) -> None:
    days = partitions.days_between(date(2013, 1, 1), date(2013, 3, 1))
    heard: list[int] = []
    with partitions.aside(tmp_path) as folder:
        files = {day: folder / f"{day}.parquet" for day in days}
        for number, file in enumerate(files.values()):
            partitions.write(rows(1, number), file)
        partitions.publish_files(tmp_path / "t", files, heard.append)
    assert partitions.days_of(tmp_path / "t") == days
    assert [read(tmp_path / "t", day) for day in days] == [[n] for n in range(len(days))]
    assert sum(heard) == len(days)


def test_a_disk_that_is_full_while_flushing_publishes_none_of_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = partitions.days_between(date(2013, 1, 1), date(2013, 1, 9))
    flush = partitions._flush

    def full(path: Path) -> None:
        if path.name == "2013-01-05.parquet":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(path)

    monkeypatch.setattr(partitions, "_flush", full)
    with partitions.aside(tmp_path) as folder:
        files = {day: folder / f"{day}.parquet" for day in days}
        for file in files.values():
            partitions.write(rows(1), file)
        with pytest.raises(OSError, match="No space left"):
            partitions.publish_files(tmp_path / "t", files, lambda _: None)
    assert partitions.days_of(tmp_path / "t") == []


def test_a_withdrawn_day_is_gone_with_its_folder(tmp_path: Path) -> None:
    partitions.publish(tmp_path / "t", DAY, rows(1), tmp_path)
    assert partitions.withdraw(tmp_path / "t", DAY)
    assert not partitions.withdraw(tmp_path / "t", DAY)
    assert list((tmp_path / "t").iterdir()) == []


def test_withdrawing_leaves_other_files_of_the_day(tmp_path: Path) -> None:
    partitions.publish(tmp_path / "t", DAY, rows(1), tmp_path)
    partitions.publish(tmp_path / "t", DAY, rows(1), tmp_path, "other.parquet")
    partitions.withdraw(tmp_path / "t", DAY)
    assert [path.name for path in (tmp_path / "t/day=2013-03-01").iterdir()] == ["other.parquet"]


def test_readers_see_the_old_day_or_the_new_one_while_it_is_replaced(tmp_path: Path) -> None:
    table = tmp_path / "t"
    partitions.publish(table, DAY, rows(5000, 0), tmp_path)
    is_done = threading.Event()

    def write() -> None:
        for value in range(1, 40):
            partitions.publish(table, DAY, rows(5000 + value, value), tmp_path)
        is_done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not is_done.is_set():
        values = read(table)
        assert set(values) == {len(values) - 5000}
        seen.add(len(values))
    writer.join()
    assert read(table)[0] == 39


def test_a_failing_writer_leaves_the_old_day_and_nothing_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    partitions.publish(tmp_path / "t", DAY, rows(3), tmp_path)

    def half(table: pa.Table, file: Path, **options: Any) -> None:
        file.write_bytes(b"PAR1")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(pq, "write_table", half)
        with pytest.raises(OSError, match="No space left"):
            partitions.publish(tmp_path / "t", DAY, rows(9, 2), tmp_path)
    assert read(tmp_path / "t") == [1, 1, 1]
    assert not list((tmp_path / ".aside").iterdir())


def test_a_killed_writer_is_swept_and_a_living_one_is_not(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from perennial.keep.aside import aside\n"
        "with aside(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'half').write_text('half'); print(folder, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        folder = Path(writer.stdout.readline().strip())
        assert partitions.sweep(tmp_path) == []
        assert (folder / "half").exists()
        writer.kill()
        writer.wait()
    assert partitions.sweep(tmp_path) == [folder.name]
    assert not folder.exists()


def test_a_folder_aside_is_the_writers_own_and_gone_when_it_fails(tmp_path: Path) -> None:
    with partitions.aside(tmp_path) as one, partitions.aside(tmp_path) as other:
        assert one != other
        assert partitions.sweep(tmp_path) == []
    with pytest.raises(RuntimeError), partitions.aside(tmp_path) as folder:
        raise RuntimeError
    assert not folder.exists()


def test_the_engine_is_in_utc_and_loads_nothing_from_the_network() -> None:
    with connect(threads=1) as connection:
        assert connection.execute(
            "SELECT current_setting('TimeZone'), current_setting('threads'), "
            "current_setting('autoinstall_known_extensions')"
        ).fetchone() == ("UTC", 1, False)
        with pytest.raises(duckdb.Error):
            connection.execute("SELECT * FROM read_xlsx('a.xlsx')")
