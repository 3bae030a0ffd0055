"""SuiteCRM 7.14 (MySQL, MariaDB): contacts, leads, their e-mails, calls, cases, notes.

Times are naive UTC. Rows are marked deleted, never removed; a merge marks the loser. An e-mail is no
column of the contact: email_addr_bean_rel joins it, and both tables move on their own.
"""

from dagster_project.sources.declaration import Source, Table, columns


def _table(name: str, needs: str, is_narrow: bool = False) -> Table:
    return Table(
        name,
        key=("id",),
        watermark="date_modified",
        needs=columns(f"{needs} deleted"),
        is_narrow=is_narrow,
    )


PERSON = """
    first_name last_name phone_home phone_mobile phone_work phone_other birthdate
    primary_address_street primary_address_city primary_address_postalcode primary_address_country
    lead_source campaign_id do_not_call assigned_user_id date_entered
"""

SOURCE = Source(
    name="suitecrm",
    kind="CRM",
    description="SuiteCRM: contacts, leads, calls, cases and the colleagues' notes",
    tables=(
        # Its other columns are passwords and settings.
        _table("users", "user_name first_name last_name date_entered", is_narrow=True),
        _table("accounts", "name date_entered"),
        _table("contacts", f"{PERSON} salutation"),
        _table("leads", f"{PERSON} salutation status converted contact_id"),
        _table("email_addresses", "email_address invalid_email opt_out"),
        _table("email_addr_bean_rel", "email_address_id bean_id bean_module primary_address"),
        _table(
            "calls",
            "name description date_start date_end duration_hours duration_minutes status direction "
            "parent_type parent_id assigned_user_id date_entered",
        ),
        _table("calls_contacts", "call_id contact_id"),
        _table(
            "cases",
            "case_number name type state status priority resolution contact_created_by_id "
            "assigned_user_id date_entered",
        ),
        _table("contacts_cases", "contact_id case_id"),
        _table("notes", "name description parent_type parent_id contact_id assigned_user_id date_entered"),
    ),
)
