{#- What a mart writes: the days from `start` on, without `end`. -#}
{%- macro within_period(day) -%}
{{ day }} >= date '{{ var("start") }}' and {{ day }} < date '{{ var("end") }}'
{%- endmacro -%}
