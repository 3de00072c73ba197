{{ config(materialized="external") }}

with departures as (

    select
        carrier,
        departed_at,
        departure_delay_minutes,
        {{ day_complete("departed_at") }} as day
    from {{ ref("int_flight_moments") }}
    where departed_at is not null

),

-- Departures of the same minute become known together: they see each other.
recent as (

    select
        carrier,
        departed_at,
        day,
        count(*) over within_hours as n_departures,
        sum(departure_delay_minutes) over within_hours as delay_minutes,
        max(departure_delay_minutes) over within_hours as max_delay_minutes,
        count(*) filter (where departure_delay_minutes > 15) over within_hours as n_late
    from departures
    window within_hours as (
        partition by carrier order by departed_at
        range between interval 6 hour preceding and current row
    )

)

select distinct
    carrier,
    cast(n_departures as integer) as carrier_n_departures,
    delay_minutes / n_departures as carrier_mean_departure_delay_minutes,
    max_delay_minutes as carrier_max_departure_delay_minutes,
    n_late / n_departures as carrier_share_departures_late,
    departed_at as carrier_last_departed_at,
    departed_at as event_timestamp,
    departed_at as created_timestamp,
    day
from recent
where {{ within_period("day") }}
order by event_timestamp, carrier
