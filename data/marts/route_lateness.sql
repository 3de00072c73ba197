{{ config(materialized="external") }}

{% call lateness_over_past_days(["origin", "dest"], "route") %}
    distance_kilometres as route_distance_kilometres,
    scheduled_duration_minutes / nullif(n_scheduled, 0) as route_mean_scheduled_duration_minutes,
{% endcall %}
