{{ config(materialized="external") }}

select
    station,
    district,
    n_docks,
    timestamptz '2024-05-01 00:00:00+00' as event_timestamp,
    timestamptz '2024-05-01 00:00:00+00' as created_timestamp,
    date '2024-05-01' as day
from {{ ref("stg_stations") }}
order by station
