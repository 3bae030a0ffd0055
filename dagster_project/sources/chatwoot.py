"""Chatwoot (PostgreSQL): contacts and their channels, conversations, messages, CSAT, agents.

Times are naive UTC. Contacts are merged and conversations deleted for good: key sets are compared. Some
changes do not touch updated_at (last_activity_at, waiting_since): nothing that staging reads.
"""

from datetime import timedelta

from dagster_project.sources.declaration import Deletes, Source, Table, columns


def _table(
    name: str,
    needs: str,
    optional: str = "",
    contact: str = "",
    deletes: Deletes = "compared",
    is_narrow: bool = False,
) -> Table:
    return Table(
        name,
        key=("id",),
        watermark="updated_at",
        # A transaction may commit long after the time that it wrote.
        look_back=timedelta(hours=6),
        needs=columns(f"{needs} created_at"),
        optional=columns(optional),
        refers={contact: "contacts"} if contact else {},
        deletes=deletes,
        is_narrow=is_narrow,
    )


SOURCE = Source(
    name="chatwoot",
    kind="support",
    description="Chatwoot: conversations in messengers, web chat and e-mail, and what customers say of them",
    tables=(
        # Its other columns are passwords and keys.
        _table("users", "name", is_narrow=True),
        _table("inboxes", "name channel_type"),
        _table("contacts", "name middle_name last_name email phone_number identifier country_code"),
        _table("contact_inboxes", "inbox_id source_id", contact="contact_id"),
        _table(
            "conversations",
            "display_id inbox_id status priority assignee_id",
            optional="cached_label_list first_reply_created_at",
            contact="contact_id",
        ),
        _table(
            "messages",
            "conversation_id inbox_id message_type content_type content private status sender_type",
            contact="sender_id",
        ),
        _table(
            "csat_survey_responses",
            "conversation_id message_id assigned_agent_id rating feedback_message",
            contact="contact_id",
        ),
        # Written once, with the moment at which a conversation was resolved.
        _table("reporting_events", "name conversation_id event_end_time", deletes="kept"),
    ),
)
