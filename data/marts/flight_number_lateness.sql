{{ config(materialized="external") }}

{{ lateness_over_past_days(["carrier", "flight"], "flight_number") }}
