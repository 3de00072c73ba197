{#-
Departures of an entity over so many hours, one row per entity and minute in which a flight left:
the state as of that minute. Departures of the same minute become known together and see each other.
-#}
{% macro departures_within(n_hours, key, prefix) -%}
with departures as (

    select
        {{ key }},
        departed_at,
        departure_delay_minutes,
        {{ day_complete("departed_at") }} as day
    from {{ ref("int_flight_moments") }}
    where departed_at is not null

),

recent as (

    select
        {{ key }},
        departed_at,
        day,
        count(*) over within_hours as n_departures,
        sum(departure_delay_minutes) over within_hours as delay_minutes,
        max(departure_delay_minutes) over within_hours as max_delay_minutes,
        count(*) filter (where departure_delay_minutes > 15) over within_hours as n_late
    from departures
    window within_hours as (
        partition by {{ key }} order by departed_at
        range between interval {{ n_hours }} hour preceding and current row
    )

)

select distinct
    {{ key }},
    cast(n_departures as integer) as {{ prefix }}_n_departures,
    delay_minutes / n_departures as {{ prefix }}_mean_departure_delay_minutes,
    max_delay_minutes as {{ prefix }}_max_departure_delay_minutes,
    n_late / n_departures as {{ prefix }}_share_departures_late,
    departed_at as {{ prefix }}_last_departed_at,
    departed_at as event_timestamp,
    departed_at as created_timestamp,
    day
from recent
where {{ within_period("day") }}
order by event_timestamp, {{ key }}
{%- endmacro %}
