"""What each model sees: one feature service per model, named as the model."""

from feast import FeatureService
from fresh_views import (
    aircraft_movements,
    airport_departures,
    airport_weather,
    carrier_departures,
    destination_arrivals,
)
from on_demand_views import schedule
from slow_views import aircraft_build, carrier_lateness, flight_number_lateness, route_lateness

flight_delay = FeatureService(
    name="flight_delay",
    description="All that is known about a flight one hour before its scheduled departure.",
    features=[
        schedule,
        airport_weather,
        airport_departures[
            [
                "airport_n_departures",
                "airport_mean_departure_delay_minutes",
                "airport_max_departure_delay_minutes",
                "airport_share_departures_late",
            ]
        ],
        carrier_departures[
            [
                "carrier_n_departures",
                "carrier_mean_departure_delay_minutes",
                "carrier_max_departure_delay_minutes",
                "carrier_share_departures_late",
            ]
        ],
        destination_arrivals[
            [
                "destination_n_arrivals",
                "destination_mean_arrival_delay_minutes",
                "destination_max_arrival_delay_minutes",
                "destination_share_arrivals_late",
                "destination_mean_ground_minutes",
            ]
        ],
        aircraft_movements[
            ["aircraft_is_under_way", "aircraft_last_dest", "aircraft_last_delay_minutes"]
        ],
        aircraft_build,
        carrier_lateness,
        route_lateness,
        flight_number_lateness,
    ],
)
