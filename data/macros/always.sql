{#- Fails with every row for which `expression` is not true; unknown is not true. -#}
{% test always(model, expression) %}
select *
from {{ model }}
where ({{ expression }}) is not true
{% endtest %}
