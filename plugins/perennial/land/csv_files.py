"""CSV: the header is held against the contract, every value is read as text.

DuckDB reads the lines; those it cannot split into the header's columns (too few, too many, an open
quote, not UTF-8) are refused with the line they stand on.
"""

from __future__ import annotations

import csv
import itertools
import tempfile
from dataclasses import replace
from pathlib import Path

import duckdb

from perennial.declare.sources import Source
from perennial.errors import ContractBrokenError
from perennial.keep import quoting
from perennial.land.contract import added_columns, broken_columns
from perennial.land.delivery import Part, Reading, Refused, Script
from perennial.land.lines import lines_at

Shape = tuple[str, tuple[str, ...]]  # the delimiter, and the header's names

DELIMITERS = (",", ";", "\t", "|")

csv.field_size_limit(1 << 30)  # Python reads headers, and looks up the lines of refused rows


def read(
    connection: duckdb.DuckDBPyConnection, source: Source, parts: dict[int, Part], reading: Reading
) -> None:
    """Append the rows of all CSV parts to `delivered`."""
    shapes = {index: header_of(part.path, source) for index, part in parts.items()}
    for index, (_, header) in shapes.items():
        reading.broken += broken_columns(source, parts[index].name, header)
        reading.added_columns |= added_columns(source, header)
    if reading.broken:
        return
    grouped = itertools.groupby(parts, key=lambda index: shapes[index])
    for shape, indexes in grouped:
        chosen = {index: parts[index] for index in indexes}
        try:
            _insert(connection, source, chosen, shape)
            _note_refused(connection, chosen, shape, reading)
        except duckdb.InvalidInputException:  # line ends are mixed, which DuckDB does not read
            for index, part in chosen.items():
                _read_with_plain_ends(connection, source, index, part, shape, reading)


def header_of(path: Path, source: Source) -> Shape:
    """The delimiter that shows most of the contract's columns, and the header's names."""
    declared = {column.name for column in source.columns}
    shapes: list[Shape] = []
    for delimiter in DELIMITERS:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            names = next(csv.reader(file, delimiter=delimiter), [])
        shapes.append((delimiter, tuple(names)))
    return max(shapes, key=lambda shape: len(declared & set(shape[1])))


def _insert(
    connection: duckdb.DuckDBPyConnection, source: Source, parts: dict[int, Part], shape: Shape
) -> None:
    delimiter, header = shape
    declared = [column.name for column in source.columns]
    # A column that no contract names, or that stands there again, gets a name that cannot clash.
    names = [
        name if name in declared and name not in header[:place] else f"__ignored_{place}"
        for place, name in enumerate(header)
    ]
    types = ", ".join(f"{quoting.text(name)}: 'VARCHAR'" for name in names)
    paths = quoting.texts(str(part.path) for part in parts.values())
    connection.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")
    connection.execute(
        f"""
        INSERT INTO delivered
        SELECT {list(parts)}[file_index::BIGINT + 1], NULL, {quoting.names(declared)}
        FROM read_csv({paths}, columns = {{{types}}}, auto_detect = false, header = true,
            delim = {quoting.text(delimiter)}, quote = '"', escape = '"',
            nullstr = {quoting.texts(source.land.nulls)}, store_rejects = true, rejects_limit = 0)
        """
    )


def _note_refused(
    connection: duckdb.DuckDBPyConnection, parts: dict[int, Part], shape: Shape, reading: Reading
) -> None:
    indexes = {str(part.path): index for index, part in parts.items()}
    rows = connection.execute(
        """
        SELECT file_path, line_byte_position - 1, any_value(csv_line),
            array_to_string(list_sort(list(DISTINCT
                lower(error_type::VARCHAR) || ': ' || error_message)), '; ')
        FROM reject_errors JOIN reject_scans USING (scan_id, file_id)
        GROUP BY file_path, line_byte_position ORDER BY file_path, line_byte_position
        """
    ).fetchall()
    refused_lines: dict[int, set[int]] = {index: set() for index in parts}
    for path, group in itertools.groupby(rows, key=lambda row: str(row[0])):
        index, found = indexes[path], list(group)
        lines = lines_at(Path(path), [row[1] for row in found])
        for _, offset, text, reason in found:
            line, first = lines[offset]
            whole = text.strip("\r\n") if "\n" in text.strip("\r\n") else first
            reading.refused.append(Refused(parts[index].name, line, None, reason, whole))
            refused_lines[index].add(line)
    for index, part in parts.items():
        reading.scripts[index] = Script(
            part.path, shape[0], len(shape[1]), frozenset(refused_lines[index])
        )


def _read_with_plain_ends(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    index: int,
    part: Part,
    shape: Shape,
    reading: Reading,
) -> None:
    descriptor, copy = tempfile.mkstemp(dir=reading.folder)
    with open(descriptor, "wb") as file:
        file.write(part.path.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
    plain = {index: replace(part, path=Path(copy))}
    try:
        _insert(connection, source, plain, shape)
    except duckdb.InvalidInputException as error:
        reason = str(error).splitlines()[0]
        raise ContractBrokenError(
            f"{source.name}: {part.name}: cannot be read as CSV ({reason})"
        ) from error
    _note_refused(connection, plain, shape, reading)
