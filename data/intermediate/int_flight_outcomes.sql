select
    year,
    month,
    day,
    make_date(year, month, day) as local_date,
    carrier,
    flight,
    origin,
    dest,
    tailnum,
    distance_kilometres,
    scheduled_departure,
    scheduled_duration_minutes,
    departure_clock_minutes,
    departure_delay_minutes,
    arrival_delay_minutes,
    departed_at is null as is_cancelled,
    departed_at is not null and arrival_delay_minutes is null as is_diverted,
    arrival_delay_minutes > 15 as is_late,
    -- Nobody noted when a flight was cancelled or diverted; a day after its scheduled
    -- departure is later than any departure. Likewise where no time zone is known.
    coalesce(
        arrived_at,
        scheduled_departure
        + interval 1 day
        + to_minutes(greatest(coalesce(arrival_delay_minutes, 0), 0))
    ) as outcome_known_at
from {{ ref("int_flight_moments") }}
