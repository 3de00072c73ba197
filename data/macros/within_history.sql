{#- What staging reads: the days to write and `history_days` before them. -#}
{%- macro within_history(moment) -%}
{{ moment }} >= timestamptz '{{ var("start") }} 00:00:00+00' - interval {{ var("history_days") }} day
    and {{ moment }} < timestamptz '{{ var("end") }} 00:00:00+00'
{%- endmacro -%}
