{{ config(materialized="external") }}

with readings as (

    select
        *,
        cast(time_hour as date) as reading_day
    from {{ ref("stg_weather") }}

)

select
    origin,
    temperature_celsius,
    dew_point_celsius,
    humidity_share,
    wind_direction_degrees,
    wind_speed_metres_per_second,
    wind_gust_metres_per_second,
    precipitation_millimetres,
    pressure_hectopascals,
    visibility_kilometres,
    complete_at as event_timestamp,
    complete_at as created_timestamp,
    reading_day as day
from readings
where {{ within_period("reading_day") }}
order by event_timestamp, origin
