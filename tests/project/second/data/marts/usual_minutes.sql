{{ config(materialized="external") }}

with daily as (

    select
        station,
        kind,
        cast(returned_at as date) as day_known,
        count(*) as n_returned,
        sum(duration_seconds) as duration_seconds
    from {{ ref("stg_rentals") }}
    where returned_at is not null
    group by station, kind, day_known

),

past as (

    select
        station,
        kind,
        day_known as day,
        sum(n_returned) over past_14_days as n_returned,
        sum(duration_seconds) over past_14_days as duration_seconds
    from daily
    window past_14_days as (
        partition by station, kind order by day_known
        range between interval 13 day preceding and current row
    )

)

select
    station,
    kind,
    cast(n_returned as integer) as usual_n_rentals,
    duration_seconds / n_returned / 60 as usual_mean_minutes,
    cast(day + 1 as timestamptz) as event_timestamp,
    cast(day + 1 as timestamptz) as created_timestamp,
    day
from past
where {{ within_period("day") }}
order by day, station, kind
