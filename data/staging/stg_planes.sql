with source as (

    select * from {{ source("raw", "planes") }}

),

renamed as (

    select
        tailnum,
        year as built_year,
        type as aircraft_type,
        manufacturer,
        model,
        engines as n_engines,
        seats as n_seats,
        engine as engine_type
    from source

)

select * from renamed
