"""The first label of each prediction: an index beside the journal of feedback.

The journal is the truth and the index only follows it, so that a kill between the two, a full disk
or a lost file costs nothing: what is missing is read from the journal again.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from perennial.keep import journal
from perennial.keep.journal_lines import Entry

logger = logging.getLogger(__name__)

MOST = 1_000_000
"""So many of the newest labels are known."""
CACHE_KB = 32 * 1024
PAGES_AT_ONCE = 8_000
"""Ids are random, so that a thousand labels touch a thousand pages: synced for many of them."""
AT_ONCE = 100
"""Labels of one step, well under a millisecond: between two steps others have their turn."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS labels (
    model TEXT, prediction_id BLOB, label REAL, seq INTEGER, PRIMARY KEY (model, prediction_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS labels_by_seq ON labels (seq);
CREATE TABLE IF NOT EXISTS place (id INTEGER PRIMARY KEY CHECK (id = 0), after INTEGER);
INSERT OR IGNORE INTO place VALUES (0, 0);
CREATE TABLE IF NOT EXISTS given (
    model TEXT, day TEXT, caller TEXT, n INTEGER, PRIMARY KEY (model, day, caller)
) WITHOUT ROWID;
"""


class FirstLabels:
    """Knows the first label of the predictions that were labelled last; for one thread at a time.

    Its methods raise sqlite3.Error when the file cannot be read or written now.
    """

    def __init__(self, folder: Path, database: Path, most: int = MOST) -> None:
        self.after = 0
        """The last entry of the journal in `folder` that is known."""
        self._folder, self._database, self._most = folder, database, most
        self._connection: sqlite3.Connection | None = None
        self._reader = journal.Reader(folder)

    def catch_up(self) -> None:
        """Take in what the journal holds and the index does not."""
        for _ in self.steps():
            pass

    def steps(self) -> Iterator[None]:
        """`catch_up` in short steps. One that is not taken to its end costs nothing but time."""
        connection = self._open()
        try:
            while entries := self._reader.poll():
                for first in range(0, len(entries), AT_ONCE):
                    some = entries[first : first + AT_ONCE]
                    with connection:
                        self._take(connection, some)
                    self.after = some[-1].seq
                    yield
        except BaseException as error:
            self.close()  # where the reader is and what is committed may differ now
            self._remove_damaged(error)
            raise

    def find(self, model: str, prediction_ids: Sequence[str]) -> dict[str, float]:
        """The labels that some predictions of a model have; those without one are left out."""
        if self._connection is None:
            self.catch_up()  # what is opened anew may be behind, or empty
        connection = self._open()
        found: dict[str, float] = {}
        try:
            for first in range(0, len(prediction_ids), AT_ONCE):
                asked = [bytes.fromhex(each) for each in prediction_ids[first : first + AT_ONCE]]
                places = ",".join("?" * len(asked))
                rows = connection.execute(
                    "SELECT prediction_id, label FROM labels "
                    f"WHERE model = ? AND prediction_id IN ({places})",  # only question marks
                    [model, *asked],
                )
                found |= {prediction_id.hex(): label for prediction_id, label in rows}
        except sqlite3.DatabaseError as error:
            self.close()
            self._remove_damaged(error)
            raise
        return found

    def given(self, model: str, day: str) -> dict[str, int]:
        """How many labels of a model each caller gave on a UTC day; of the last two days."""
        query = "SELECT caller, n FROM given WHERE model = ? AND day = ?"
        try:
            return dict(self._open().execute(query, [model, day]))
        except sqlite3.DatabaseError as error:
            self.close()
            self._remove_damaged(error)
            raise

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _take(self, connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
        rows = [row for entry in entries if (row := _row(entry))]
        connection.executemany("INSERT OR IGNORE INTO labels VALUES (?, ?, ?, ?)", rows)
        last = entries[-1].seq
        connection.execute("DELETE FROM labels WHERE seq <= ?", [last - self._most])
        given = Counter(key for entry in entries if (key := _giver(entry)))
        connection.executemany(
            "INSERT INTO given VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
            [(*key, n) for key, n in given.items()],
        )
        if given:
            days = "SELECT DISTINCT day FROM given ORDER BY day DESC LIMIT 2"
            connection.execute(f"DELETE FROM given WHERE day NOT IN ({days})")
        connection.execute("UPDATE place SET after = ?", [last])

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            try:
                self._connection = self._connected()
            except sqlite3.DatabaseError as error:
                if not self._remove_damaged(error):
                    raise
                self._connection = self._connected()
        return self._connection

    def _connected(self) -> sqlite3.Connection:
        self._database.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._database, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(f"PRAGMA cache_size=-{CACHE_KB}")
            connection.execute(f"PRAGMA wal_autocheckpoint={PAGES_AT_ONCE}")
            connection.execute("PRAGMA synchronous=NORMAL")  # whole after a power failure, if older
            connection.executescript(SCHEMA)
            self._start(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _start(self, connection: sqlite3.Connection) -> None:
        (after,) = connection.execute("SELECT after FROM place").fetchone()
        last = journal.last_seq(self._folder)
        if last < after:  # another journal: it is read from its beginning
            with connection:
                connection.execute("DELETE FROM labels")
                connection.execute("DELETE FROM given")
                connection.execute("UPDATE place SET after = 0")
            after = 0
        self.after = after
        self._reader = journal.Reader(self._folder, after=max(after, last - self._most))

    def _remove_damaged(self, error: BaseException) -> bool:
        """Take away a file that is no database any more: it is made again from the journal."""
        is_passing = isinstance(error, sqlite3.OperationalError)  # no room, no right, locked
        if is_passing or not isinstance(error, sqlite3.DatabaseError):
            return False
        logger.warning("%s is damaged (%s): made again", self._database.name, error)
        for end in ("", "-wal", "-shm"):
            self._database.with_name(self._database.name + end).unlink(missing_ok=True)
        return True


def _row(entry: Entry) -> tuple[Any, ...] | None:
    content = entry.content
    try:
        name = bytes.fromhex(content["prediction_id"])
        return content["model"], name, float(content["label"]), entry.seq
    except (KeyError, TypeError, ValueError):
        return None  # no label of ours: nothing can repeat it


def _giver(entry: Entry) -> tuple[str, str, str] | None:
    """Model, UTC day and caller of a label; None for what is none, or names nobody."""
    content = entry.content
    if "prediction_id" not in content or "by" not in content:
        return None
    return str(content.get("model")), str(content.get("at"))[:10], str(content["by"])
