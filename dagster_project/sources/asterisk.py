"""Asterisk (MySQL, MariaDB): call detail records and the queues' log.

Times are the server's local time (C360_SOURCE_ASTERISK_TIME_ZONE). A row lands at hang-up, so the
watermark is `end`; logs are rotated, so rows that leave the source stay here.
"""

from datetime import timedelta

from dagster_project.sources.declaration import Source, Table, columns

# The longest call whose rows may land after those of later ones.
LONGEST_CALL = timedelta(hours=6)

SOURCE = Source(
    name="asterisk",
    kind="telephony",
    description="Asterisk: every call and what happened to it in the queues",
    tables=(
        Table(
            "cdr",
            key=("uniqueid", "sequence"),
            watermark="end",
            look_back=LONGEST_CALL,
            needs=columns(
                "src dst dcontext clid channel dstchannel lastapp start answer duration billsec disposition linkedid"
            ),
            deletes="kept",
        ),
        Table(
            "queue_log",
            key=("id",),
            watermark="time",
            look_back=LONGEST_CALL,
            needs=columns("callid queuename agent event data1 data2 data3 data4 data5"),
            deletes="kept",
        ),
    ),
)
