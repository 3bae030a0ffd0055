-- Asterisk 20: call detail records and the queues' log. Times are the server's local time (Europe/Moscow), naive.

create table cdr (
    accountcode varchar(80),
    src varchar(80),
    dst varchar(80),
    dcontext varchar(80),                -- from-trunk (in), from-internal (out and between extensions)
    clid varchar(80),                    -- "Name" <number>
    channel varchar(80),
    dstchannel varchar(80),
    lastapp varchar(80),
    lastdata varchar(80),
    start timestamp,
    answer timestamp,                    -- null if nobody, the menu included, answered
    "end" timestamp,
    duration integer,
    billsec integer,
    disposition varchar(45),             -- ANSWERED, NO ANSWER, BUSY, FAILED, CONGESTION
    amaflags integer,
    userfield varchar(255),
    uniqueid varchar(150) not null,
    linkedid varchar(150),               -- one customer call is one linkedid
    peeraccount varchar(80),
    sequence integer not null,
    primary key (uniqueid, sequence)
);

create table queue_log (
    id bigint primary key,
    time timestamp,
    callid varchar(80),                  -- the caller's channel: cdr.uniqueid
    queuename varchar(256),
    agent varchar(80),                   -- 'PJSIP/201', 'NONE' for events of the caller's
    event varchar(32),
    data1 varchar(100),
    data2 varchar(100),
    data3 varchar(100),
    data4 varchar(100),
    data5 varchar(100)
);

create index on cdr ("end");
create index on cdr (linkedid);
create index on queue_log (time);
create index on queue_log (callid);
