{#-
The day whose delivery completes what was known at `moment`. A flight may leave up to an
hour before its schedule, and is delivered with the day of its schedule: what happens in
the last hour of a day is therefore complete with the next day's delivery, not before.
-#}
{%- macro day_complete(moment) -%}
cast({{ moment }} + interval 1 hour as date)
{%- endmacro -%}
