"""What each model sees: one feature service per model, named as the model."""

from feast import FeatureService
from on_demand_views import clock
from views import station_activity, station_places, usual_minutes

rental_minutes = FeatureService(
    name="rental_minutes",
    description="All that is known about a rental five minutes before it begins.",
    features=[
        clock,
        station_activity[
            [
                "station_n_taken",
                "station_n_returned",
                "station_mean_minutes",
                "station_taken_per_dock",
            ]
        ],
        usual_minutes,
        station_places,
    ],
)
