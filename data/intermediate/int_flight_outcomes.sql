-- How each flight ended, and when that could be known.
select
    *,
    make_date(year, month, day) as local_date,
    departed_at is null as is_cancelled,
    departed_at is not null and arrival_delay_minutes is null as is_diverted,
    arrival_delay_minutes > 15 as is_late,
    -- Nobody noted when a flight was cancelled or diverted; a day after its
    -- scheduled departure is later than the longest delay.
    coalesce(
        arrived_at,
        scheduled_departure + interval 1 day + to_minutes(greatest(coalesce(arrival_delay_minutes, 0), 0))
    ) as outcome_known_at
from {{ ref("int_flight_moments") }}
