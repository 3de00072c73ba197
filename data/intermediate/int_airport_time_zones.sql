with catalogue as (

    select airport, time_zone
    from {{ ref("stg_airports") }}
    where time_zone is not null

),

-- Flown to, but not in the catalogue. Puerto Rico and the Virgin Islands share one clock.
not_in_catalogue as (

    select
        unnest(['BQN', 'PSE', 'SJU', 'STT']) as airport,
        'America/Puerto_Rico' as time_zone

)

select * from catalogue
union all
select *
from not_in_catalogue
where airport not in (select airport from catalogue)
