{{ config(materialized="external") }}

with arrivals as (

    select
        dest,
        arrived_at,
        arrival_delay_minutes,
        date_diff('minute', departed_at, arrived_at) - air_time_minutes as ground_minutes,
        {{ day_complete("arrived_at") }} as day
    from {{ ref("int_flight_moments") }}
    where arrived_at is not null

),

-- Arrivals of the same minute become known together: they see each other.
recent as (

    select
        dest,
        arrived_at,
        day,
        count(*) over within_hours as n_arrivals,
        sum(arrival_delay_minutes) over within_hours as delay_minutes,
        max(arrival_delay_minutes) over within_hours as max_delay_minutes,
        sum(ground_minutes) over within_hours as ground_minutes,
        count(ground_minutes) over within_hours as n_ground_minutes,
        count(*) filter (where arrival_delay_minutes > 15) over within_hours as n_late
    from arrivals
    window within_hours as (
        partition by dest order by arrived_at
        range between interval 6 hour preceding and current row
    )

)

select distinct
    dest,
    cast(n_arrivals as integer) as destination_n_arrivals,
    delay_minutes / n_arrivals as destination_mean_arrival_delay_minutes,
    max_delay_minutes as destination_max_arrival_delay_minutes,
    n_late / n_arrivals as destination_share_arrivals_late,
    ground_minutes / nullif(n_ground_minutes, 0) as destination_mean_ground_minutes,
    arrived_at as destination_last_arrived_at,
    arrived_at as event_timestamp,
    arrived_at as created_timestamp,
    day
from recent
where {{ within_period("day") }}
order by event_timestamp, dest
