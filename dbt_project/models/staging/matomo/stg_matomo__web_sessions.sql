-- A visit is a session. What came of it: an order before a cart that was left, and that before a goal of the
-- company's own. A cart's row counts only while the visit says that its cart is open: bought, it is an order.
with conversions as (
    select
        conversions.idvisit,
        max({{ to_text('conversions.idorder') }}) filter (where conversions.idgoal = 0) as order_number,
        bool_or(conversions.idgoal = 0) as has_order,
        bool_or(conversions.idgoal = -1) as has_cart,
        min(conversions.idgoal) filter (where conversions.idgoal > 0) as goal_id,
        sum(conversions.revenue) filter (where conversions.idgoal = 0) as order_revenue,
        sum(conversions.revenue) filter (where conversions.idgoal = -1) as cart_revenue
    from {{ source('matomo', 'matomo_log_conversion') }} as conversions
    where conversions._deleted_at is null
    group by conversions.idvisit
),

items as (
    select
        idvisit,
        sum(quantity) filter (where idorder <> '0') as ordered,
        sum(quantity) filter (where idorder = '0') as left_behind
    from {{ source('matomo', 'matomo_log_conversion_item') }}
    where not {{ to_boolean('deleted') }} and _deleted_at is null
    group by idvisit
),

visits as (
    select
        visits.*,
        {{ to_hex('visits.idvisitor') }} as visitor_id,
        conversions.order_number,
        conversions.order_revenue,
        conversions.cart_revenue,
        case
            when conversions.has_order then 'order'
            when conversions.has_cart and visits.visit_goal_buyer in (2, 3) then 'abandoned_cart'
            when conversions.goal_id is not null then 'goal_' || conversions.goal_id
        end as goal
    from {{ source('matomo', 'matomo_log_visit') }} as visits
    left join conversions on visits.idvisit = conversions.idvisit
)

select
    'matomo:visit:' || visits.idvisit as session_id,
    'matomo' as source_system,
    case when visitors.no_record_reason is null then 'visitor:' || visits.visitor_id end as source_record_id,
    visitors.no_record_reason,
    visits.visitor_id,
    {{ to_text('visits.user_id') }} as login_id,
    {{ to_utc('visits.visit_first_action_time') }} as started_at,
    {{ to_utc('visits.visit_last_action_time') }} as ended_at,
    case when sites.type = 'mobileapp' then 'app' else 'web' end as channel,
    case pages.url_prefix
        when 0 then 'http://' when 1 then 'http://www.' when 2 then 'https://' when 3 then 'https://www.'
        else ''
    end || pages.name as entry_url,
    case visits.referer_type
        when 1 then 'direct' when 2 then 'search' when 3 then 'website' when 6 then 'campaign'
        when 7 then 'social'
    end as referrer_kind,
    {{ to_text('visits.referer_name') }} as referrer_name,
    case when visits.referer_type = 6 then {{ to_text('visits.referer_name') }} end as campaign,
    case visits.config_device_type
        when 0 then 'Desktop' when 1 then 'Mobile' when 2 then 'Tablet' when 10 then 'Mobile'
    end as device_type,
    visits.visit_total_actions as actions,
    visits.goal,
    case
        when visits.goal = 'order' then '{{ var("shop") }}:order:' || visits.order_number
    end as order_id,
    case when visits.goal = 'abandoned_cart' then 'matomo:cart:' || visits.idvisit end as cart_id,
    case visits.goal
        when 'order' then items.ordered when 'abandoned_cart' then items.left_behind
    end as items,
    case visits.goal
        when 'order' then visits.order_revenue when 'abandoned_cart' then visits.cart_revenue
    end as revenue,
    {{ to_utc('visits.visit_last_action_time') }} as updated_at,
    visits._deleted_at as deleted_at
from visits
left join {{ ref('stg_matomo__visitors') }} as visitors on visits.visitor_id = visitors.visitor_id
left join items on visits.idvisit = items.idvisit
left join {{ source('matomo', 'matomo_site') }} as sites on visits.idsite = sites.idsite
left join {{ source('matomo', 'matomo_log_action') }} as pages
    on visits.visit_entry_idaction_url = pages.idaction
