{{ config(materialized="external") }}

select
    rental,
    station,
    kind,
    taken_at,
    duration_seconds / 60 as minutes,
    returned_at,
    taken_at - interval 5 minute as event_timestamp,
    taken_at - interval 5 minute as created_timestamp,
    cast(taken_at as date) as day
from {{ ref("stg_rentals") }}
where {{ within_period("cast(taken_at as date)") }}
order by taken_at, rental
