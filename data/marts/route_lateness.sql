{{ config(materialized="external") }}

with lateness as (

    {{ lateness_over_past_days(["origin", "dest"], "route") | indent(4) }}

),

timetable as (

    select
        lateness.origin,
        lateness.dest,
        lateness.day,
        max(outcomes.distance_kilometres) as route_distance_kilometres,
        sum(outcomes.scheduled_duration_minutes) / nullif(count(outcomes.scheduled_duration_minutes), 0)
            as route_mean_scheduled_duration_minutes
    from lateness
    inner join {{ ref("int_flight_outcomes") }} as outcomes
        on
            lateness.origin = outcomes.origin
            and lateness.dest = outcomes.dest
            and lateness.event_timestamp > outcomes.outcome_known_at
            and lateness.event_timestamp - interval 28 day <= outcomes.outcome_known_at
    group by lateness.origin, lateness.dest, lateness.day

)

select
    lateness.* exclude (event_timestamp, created_timestamp, day),
    timetable.route_distance_kilometres,
    timetable.route_mean_scheduled_duration_minutes,
    lateness.event_timestamp,
    lateness.created_timestamp,
    lateness.day
from lateness
inner join timetable using (origin, dest, day)
