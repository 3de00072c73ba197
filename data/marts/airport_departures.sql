{{ config(materialized="external") }}

{{ departures_within(3, key="origin", prefix="airport") }}
