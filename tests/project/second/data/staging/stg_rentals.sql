with source as (

    select * from {{ source("raw", "rentals") }}
    where
        taken_at >= timestamptz '{{ var("start") }} 00:00:00+00'
        - interval {{ var("history_days") }} day
        and taken_at < timestamptz '{{ var("end") }} 00:00:00+00'

),

renamed as (

    select
        rental,
        station,
        kind,
        taken_at,
        returned_at,
        date_diff('second', taken_at, returned_at) as duration_seconds
    from source

)

select * from renamed
