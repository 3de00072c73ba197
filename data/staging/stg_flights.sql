with source as (

    select * from {{ source("raw", "flights") }}
    where {{ within_history("time_hour + to_minutes(minute)") }}

),

renamed as (

    select
        year,
        month,
        day,
        carrier,
        flight,
        origin,
        dest,
        tailnum,
        time_hour + to_minutes(minute) as scheduled_departure,
        (sched_arr_time // 100) * 60 + sched_arr_time % 100 as scheduled_arrival_clock_minutes,
        hour * 60 + minute as departure_clock_minutes,
        dep_delay as departure_delay_minutes,
        arr_delay as arrival_delay_minutes,
        air_time as air_time_minutes,
        distance * 1.609344 as distance_kilometres
    from source

)

select * from renamed
