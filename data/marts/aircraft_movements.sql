{{ config(materialized="external") }}

with flights as (

    select *
    from {{ ref("int_flight_moments") }}
    where tailnum is not null

),

departures as (

    select
        tailnum,
        departed_at as moment,
        departed_at,
        flight,
        true as is_under_way,
        dest,
        departure_delay_minutes as delay_minutes,
        departed_at + to_minutes(2 * scheduled_duration_minutes) as back_at
    from flights
    where departed_at is not null

),

arrivals as (

    select
        tailnum,
        arrived_at as moment,
        departed_at,
        flight,
        false as is_under_way,
        dest,
        arrival_delay_minutes as delay_minutes,
        arrived_at + to_minutes(scheduled_duration_minutes) as back_at
    from flights
    where arrived_at is not null

),

movements as (

    select * from departures
    union all
    select * from arrivals

),

-- An aircraft moves once in a minute; where the record says otherwise, the later flight counts.
latest as (

    select *
    from movements
    qualify
        row_number() over (
            partition by tailnum, moment order by departed_at desc, is_under_way asc, flight desc
        ) = 1

),

dated as (

    select
        *,
        {{ day_complete("moment") }} as day
    from latest

)

select
    tailnum,
    is_under_way as aircraft_is_under_way,
    dest as aircraft_last_dest,
    delay_minutes as aircraft_last_delay_minutes,
    moment as aircraft_last_moved_at,
    back_at as aircraft_back_at,
    moment as event_timestamp,
    moment as created_timestamp,
    day
from dated
where {{ within_period("day") }}
order by event_timestamp, tailnum
