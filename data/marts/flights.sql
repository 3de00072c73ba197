{{ config(materialized="external") }}

with outcomes as (

    select
        *,
        cast(scheduled_departure as date) as scheduled_day
    from {{ ref("int_flight_outcomes") }}

)

select
    concat_ws('-', strftime(local_date, '%Y%m%d'), carrier, flight, origin) as flight_id,
    carrier,
    flight,
    tailnum,
    origin,
    dest,
    scheduled_departure,
    isodow(local_date) as departure_weekday,
    departure_clock_minutes,
    scheduled_duration_minutes,
    is_late,
    arrival_delay_minutes,
    is_cancelled,
    is_diverted,
    outcome_known_at,
    scheduled_departure - interval 1 hour as event_timestamp,
    scheduled_departure - interval 1 hour as created_timestamp,
    scheduled_day as day
from outcomes
where {{ within_period("scheduled_day") }}
order by event_timestamp, flight_id
