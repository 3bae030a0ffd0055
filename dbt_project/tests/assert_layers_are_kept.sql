-- Data flow one way: staging reads raw, contracts read staging, marts read contracts, identity and marts. A
-- short cut would escape the gates between the layers. Seeds are dictionaries that anyone may read;
-- ops has what the run itself noted of sources, such as those on hold.
{% set broken = [] %}
{% if execute %}
    {% for node in graph.nodes.values() if node.resource_type == 'model' %}
        {% set layer = node.path.split('/')[0] %}
        {% for parent_id in node.depends_on.nodes %}
            {% if parent_id in graph.sources %}
                {% set name = graph.sources[parent_id].source_name %}
                {% set from = name if name in ['identity', 'ops'] else 'raw' %}
            {% elif graph.nodes[parent_id].resource_type == 'seed' %}
                {% set from = 'seed' %}
            {% else %}
                {% set from = graph.nodes[parent_id].path.split('/')[0] %}
            {% endif %}
            {% set allowed = {
                'staging': ['raw', 'staging', 'seed'],
                'intermediate': ['staging', 'intermediate', 'ops', 'seed'],
                'marts': ['intermediate', 'identity', 'marts', 'ops', 'seed'],
            }[layer] %}
            {% if from not in allowed %}
                {% do broken.append(node.name ~ ' reads ' ~ parent_id) %}
            {% endif %}
        {% endfor %}
    {% endfor %}
{% endif %}
{% for line in broken %}
select '{{ line }}' as problem
union all
{% endfor %}
select cast(null as text) as problem
where false
