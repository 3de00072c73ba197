{{ config(materialized="external") }}

{{ lateness_over_past_days(["carrier"], "carrier") }}
