{{ config(materialized="external") }}

select
    tailnum,
    built_year as aircraft_built_year,
    manufacturer as aircraft_manufacturer,
    model as aircraft_model,
    n_engines as aircraft_n_engines,
    n_seats as aircraft_n_seats,
    timestamptz '2013-01-01 00:00:00+00' as event_timestamp,
    timestamptz '2013-01-01 00:00:00+00' as created_timestamp,
    date '2013-01-01' as day
from {{ ref("stg_planes") }}
order by tailnum
