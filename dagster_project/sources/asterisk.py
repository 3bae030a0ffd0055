"""Asterisk (MySQL, MariaDB), as it is and as FreePBX and Issabel have it: call detail records and the queues' log.

Times are the server's local time (C360_SOURCE_ASTERISK_TIME_ZONE). A row lands at hang-up, so the watermark is `end`.
FreePBX and Issabel have `calldate` in place of `start`, `answer` and `end`, no key, and often no `sequence` and no
queue_log. Logs are rotated, so rows that leave the source stay here.
"""

from datetime import timedelta

from dagster_project.sources.declaration import Source, Table, columns

# The longest call whose rows may land after those of later ones: FreePBX's watermark is when a call began. What lands
# later yet is found by the count of rows.
LONGEST_CALL = timedelta(hours=6)

SOURCE = Source(
    name="asterisk",
    kind="telephony",
    description="Asterisk: every call and what happened to it in the queues",
    tables=(
        Table(
            "cdr",
            key=("uniqueid", "sequence"),
            # What is settled at hang-up: recordings and remarks come later.
            digest_of=columns(
                "start uniqueid linkedid channel dstchannel src dst dcontext lastapp duration billsec disposition"
            ),
            watermark="end",
            watermark_else="start",
            look_back=LONGEST_CALL,
            rename={"calldate": "start"},
            needs=columns(
                "src dst dcontext clid channel dstchannel lastapp start duration billsec disposition"
            ),
            optional=columns("answer end linkedid accountcode lastdata did cnum outbound_cnum"),
            types={"answer": "time", "end": "time"},
            deletes="kept",
        ),
        Table(
            "queue_log",
            key=("id",),
            watermark="time",
            look_back=LONGEST_CALL,
            needs=columns("callid queuename agent event data1 data2 data3 data4 data5"),
            types={"id": "integer", "time": "time"},
            deletes="kept",
            is_optional=True,
        ),
    ),
)
