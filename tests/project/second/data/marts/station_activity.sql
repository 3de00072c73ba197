{{ config(materialized="external") }}

with moments as (

    select
        station,
        taken_at as moment,
        taken_at,
        null as duration_seconds
    from {{ ref("stg_rentals") }}

    union all

    select
        station,
        returned_at as moment,
        null as taken_at,
        duration_seconds
    from {{ ref("stg_rentals") }}
    where returned_at is not null

),

-- What happens in the same second becomes known together: it sees each other.
recent as (

    select
        station,
        moment,
        count(taken_at) over within_hours as n_taken,
        max(taken_at) over within_hours as last_taken_at,
        count(duration_seconds) over within_hours as n_returned,
        sum(duration_seconds) over within_hours as duration_seconds
    from moments
    window within_hours as (
        partition by station order by moment
        range between interval 3 hour preceding and current row
    )

)

select distinct
    recent.station,
    cast(recent.n_taken as integer) as station_n_taken,
    cast(recent.n_returned as integer) as station_n_returned,
    recent.duration_seconds / nullif(recent.n_returned, 0) / 60 as station_mean_minutes,
    recent.n_taken / stations.n_docks as station_taken_per_dock,
    recent.last_taken_at as station_last_taken_at,
    recent.moment as event_timestamp,
    recent.moment as created_timestamp,
    cast(recent.moment as date) as day
from recent
left join {{ ref("stg_stations") }} as stations on recent.station = stations.station
where {{ within_period("cast(recent.moment as date)") }}
order by event_timestamp, recent.station
