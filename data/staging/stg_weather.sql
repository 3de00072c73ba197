with source as (

    select * from {{ source("raw", "weather") }}
    where {{ within_history("time_hour") }}

),

renamed as (

    select
        origin,
        time_hour,
        time_hour + interval 1 hour as complete_at,
        (temp - 32) / 1.8 as temperature_celsius,
        (dewp - 32) / 1.8 as dew_point_celsius,
        humid / 100 as humidity_share,
        wind_dir as wind_direction_degrees,
        wind_speed * 0.44704 as wind_speed_metres_per_second,
        wind_gust * 0.44704 as wind_gust_metres_per_second,
        precip * 25.4 as precipitation_millimetres,
        pressure as pressure_hectopascals,
        visib * 1.609344 as visibility_kilometres
    from source

)

select * from renamed
