with source as (

    select * from {{ source("raw", "stations") }}

),

renamed as (

    select
        station,
        district,
        docks as n_docks
    from source

)

select * from renamed
