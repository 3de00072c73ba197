{{ config(materialized="external") }}

{{ departures_within(6, key="carrier", prefix="carrier") }}
