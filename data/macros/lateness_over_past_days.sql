{#-
How late the flights of an entity were over the past 7 and 28 days: one row per entity and
day. A flight counts on the day on which its outcome became known, so that a row says what
was known when its day ended and no more. Sums are of whole numbers and thus exact in any
order. Column names begin with `prefix`.
-#}
{%- macro lateness_over_past_days(keys, prefix) -%}
with outcomes as (

    select
        *,
        cast(outcome_known_at as date) as day_known
    from {{ ref("int_flight_outcomes") }}
    where {% for key in keys %}{{ "and " if not loop.first }}{{ key }} is not null{{ " " if not loop.last }}{% endfor %}

),

daily as (

    select
        {{ keys | join(", ") }},
        day_known,
        count(*) as n_flights,
        count(*) filter (where is_cancelled) as n_cancelled,
        count(departure_delay_minutes) as n_departed,
        count(arrival_delay_minutes) as n_arrived,
        count(*) filter (where is_late) as n_late,
        sum(departure_delay_minutes) as departure_delay_minutes,
        sum(arrival_delay_minutes) as arrival_delay_minutes
    from outcomes
    group by {{ keys | join(", ") }}, day_known

),

days as (

    select
        cast(
            unnest(range(date '{{ var("start") }}', date '{{ var("end") }}', interval 1 day)) as date
        ) as day

),

past as (

    select
        {%- for key in keys %}
        daily.{{ key }},
        {%- endfor %}
        days.day
        {%- for n_days in [7, 28] %}
        {%- for sum in ["n_flights", "n_cancelled", "n_departed", "n_arrived", "n_late",
                        "departure_delay_minutes", "arrival_delay_minutes"] %},
        sum(daily.{{ sum }}) filter (where daily.day_known > days.day - {{ n_days }})
            as {{ sum }}_{{ n_days }}_days
        {%- endfor %}
        {%- endfor %}
    from days
    inner join daily
        on days.day - 28 < daily.day_known and days.day >= daily.day_known
    group by {% for key in keys %}daily.{{ key }}, {% endfor %}days.day

)

select
    {{ keys | join(", ") }},
    {%- for n_days in [7, 28] %}
    cast(coalesce(n_flights_{{ n_days }}_days, 0) as integer)
        as {{ prefix }}_n_flights_{{ n_days }}_days,
    n_cancelled_{{ n_days }}_days / n_flights_{{ n_days }}_days
        as {{ prefix }}_share_cancelled_{{ n_days }}_days,
    n_late_{{ n_days }}_days / nullif(n_arrived_{{ n_days }}_days, 0)
        as {{ prefix }}_share_late_{{ n_days }}_days,
    departure_delay_minutes_{{ n_days }}_days / nullif(n_departed_{{ n_days }}_days, 0)
        as {{ prefix }}_mean_departure_delay_minutes_{{ n_days }}_days,
    arrival_delay_minutes_{{ n_days }}_days / nullif(n_arrived_{{ n_days }}_days, 0)
        as {{ prefix }}_mean_arrival_delay_minutes_{{ n_days }}_days,
    {%- endfor %}
    cast(day + 1 as timestamptz) as event_timestamp,
    cast(day + 1 as timestamptz) as created_timestamp,
    day
from past
{%- endmacro -%}
