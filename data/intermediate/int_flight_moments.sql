with flights as (

    select
        flights.*,
        zones.time_zone as destination_time_zone,
        timezone(zones.time_zone, flights.scheduled_departure) as left_by_destination_clock
    from {{ ref("stg_flights") }} as flights
    left join {{ ref("int_airport_time_zones") }} as zones on flights.dest = zones.airport

),

-- The timetable gives the arrival on the destination's clock without its date:
-- it is the first time after the departure that the clock shows it.
arrivals_on_the_clock as (

    select
        *,
        date_trunc('day', left_by_destination_clock)
        + to_minutes(scheduled_arrival_clock_minutes) as same_day_arrival
    from flights

),

scheduled as (

    select
        *,
        timezone(
            destination_time_zone,
            case
                when same_day_arrival > left_by_destination_clock then same_day_arrival
                else same_day_arrival + interval 1 day
            end
        ) as scheduled_arrival
    from arrivals_on_the_clock

)

select
    year,
    month,
    day,
    carrier,
    flight,
    origin,
    dest,
    tailnum,
    distance_kilometres,
    departure_clock_minutes,
    departure_delay_minutes,
    arrival_delay_minutes,
    air_time_minutes,
    scheduled_departure,
    scheduled_arrival,
    date_diff('minute', scheduled_departure, scheduled_arrival) as scheduled_duration_minutes,
    scheduled_departure + to_minutes(departure_delay_minutes) as departed_at,
    scheduled_arrival + to_minutes(arrival_delay_minutes) as arrived_at
from scheduled
