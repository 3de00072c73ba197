{#- Fails with every combination of `columns` that occurs twice or has a part missing. -#}
{% test one_row_per(model, columns) %}
select
    {{ columns | join(", ") }},
    count(*) as n_rows
from {{ model }}
group by {{ columns | join(", ") }}
having
    count(*) > 1
    {%- for column in columns %}
    or {{ column }} is null
    {%- endfor %}
{% endtest %}
