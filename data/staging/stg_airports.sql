with source as (

    select * from {{ source("raw", "airports") }}

),

renamed as (

    select
        faa as airport,
        name as airport_name,
        lat as latitude_degrees,
        lon as longitude_degrees,
        alt * 0.3048 as altitude_metres,
        tzone as time_zone
    from source

)

select * from renamed
