with catalogue as (

    select
        airport,
        time_zone
    from {{ ref("stg_airports") }}
    where time_zone is not null

),

-- Flown to, and not in the catalogue. Puerto Rico and the Virgin Islands share one clock.
supplement as (

    select
        unnest(['BQN', 'PSE', 'SJU', 'STT']) as airport,
        'America/Puerto_Rico' as time_zone

)

select
    airport,
    time_zone
from catalogue
union all
select
    supplement.airport,
    supplement.time_zone
from supplement
anti join catalogue on supplement.airport = catalogue.airport
