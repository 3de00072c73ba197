{#-
How late the flights of an entity were over the past 7 and 28 days: one row per entity and
day on which the outcome of at least one of its flights became known. A flight counts on
that day, so that a row says what was known when its day ended and no more. Sums are of
whole numbers and thus exact in any order. Column names begin with `prefix`; what the
caller adds is selected out of `past` too.
-#}
{%- macro lateness_over_past_days(keys, prefix) -%}
{%- set counted = ["n_flights", "n_cancelled", "n_departed", "n_arrived", "n_late",
                   "departure_delay_minutes", "arrival_delay_minutes"] -%}
with outcomes as (

    select
        *,
        cast(outcome_known_at as date) as day_known
    from {{ ref("int_flight_outcomes") }}

),

daily as (

    select
        {{ keys | join(",\n        ") }},
        day_known,
        max(distance_kilometres) as distance_kilometres,
        sum(scheduled_duration_minutes) as scheduled_duration_minutes,
        count(scheduled_duration_minutes) as n_scheduled,
        count(*) as n_flights,
        count(*) filter (where is_cancelled) as n_cancelled,
        count(departure_delay_minutes) as n_departed,
        count(arrival_delay_minutes) as n_arrived,
        count(*) filter (where is_late) as n_late,
        sum(departure_delay_minutes) as departure_delay_minutes,
        sum(arrival_delay_minutes) as arrival_delay_minutes
    from outcomes
    group by
        {{ keys | join(",\n        ") }},
        day_known

),

past as (

    select
        {{ keys | join(",\n        ") }},
        day_known as day,
        max(distance_kilometres) over past_28_days as distance_kilometres,
        sum(scheduled_duration_minutes) over past_28_days as scheduled_duration_minutes,
        sum(n_scheduled) over past_28_days as n_scheduled
        {%- for n_days in [7, 28] %}
        {%- for each in counted %},
        sum({{ each }}) over past_{{ n_days }}_days as {{ each }}_{{ n_days }}_days
        {%- endfor %}
        {%- endfor %}
    from daily
    window
        {%- for n_days in [7, 28] %}
        past_{{ n_days }}_days as (
            partition by {{ keys | join(", ") }} order by day_known
            range between interval {{ n_days - 1 }} day preceding and current row
        ){{ "," if not loop.last }}
        {%- endfor %}

)

select
    {{ keys | join(",\n    ") }},
    {%- for n_days in [7, 28] %}
    cast(n_flights_{{ n_days }}_days as integer) as {{ prefix }}_n_flights_{{ n_days }}_days,
    n_cancelled_{{ n_days }}_days / n_flights_{{ n_days }}_days
        as {{ prefix }}_share_cancelled_{{ n_days }}_days,
    n_late_{{ n_days }}_days / nullif(n_arrived_{{ n_days }}_days, 0)
        as {{ prefix }}_share_late_{{ n_days }}_days,
    departure_delay_minutes_{{ n_days }}_days / nullif(n_departed_{{ n_days }}_days, 0)
        as {{ prefix }}_mean_departure_delay_minutes_{{ n_days }}_days,
    arrival_delay_minutes_{{ n_days }}_days / nullif(n_arrived_{{ n_days }}_days, 0)
        as {{ prefix }}_mean_arrival_delay_minutes_{{ n_days }}_days,
    {%- endfor %}
    {{- caller() if caller }}
    cast(day + 1 as timestamptz) as event_timestamp,
    cast(day + 1 as timestamptz) as created_timestamp,
    day
from past
where {{ within_period("day") }}
order by
    day,
    {{ keys | join(",\n    ") }}
{%- endmacro -%}
