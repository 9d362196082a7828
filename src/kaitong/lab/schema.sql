-- The AAA server's database: the tables of FreeRADIUS's SQL module under their standard names.
-- Run as the owner; may be run again. @SERVER_ROLE@ is FreeRADIUS, @OSS_ROLE@ is Kaitong.

CREATE TABLE IF NOT EXISTS radcheck (
    id bigserial PRIMARY KEY,
    username text NOT NULL,
    attribute text NOT NULL,
    op varchar(2) NOT NULL DEFAULT '==',
    value text NOT NULL
);
CREATE INDEX IF NOT EXISTS radcheck_username ON radcheck (username, attribute);

CREATE TABLE IF NOT EXISTS radreply (
    id bigserial PRIMARY KEY,
    username text NOT NULL,
    attribute text NOT NULL,
    op varchar(2) NOT NULL DEFAULT '=',
    value text NOT NULL
);
CREATE INDEX IF NOT EXISTS radreply_username ON radreply (username, attribute);

CREATE TABLE IF NOT EXISTS radgroupcheck (
    id bigserial PRIMARY KEY,
    groupname text NOT NULL,
    attribute text NOT NULL,
    op varchar(2) NOT NULL DEFAULT '==',
    value text NOT NULL
);
CREATE INDEX IF NOT EXISTS radgroupcheck_groupname ON radgroupcheck (groupname, attribute);

CREATE TABLE IF NOT EXISTS radgroupreply (
    id bigserial PRIMARY KEY,
    groupname text NOT NULL,
    attribute text NOT NULL,
    op varchar(2) NOT NULL DEFAULT '=',
    value text NOT NULL
);
CREATE INDEX IF NOT EXISTS radgroupreply_groupname ON radgroupreply (groupname, attribute);

CREATE TABLE IF NOT EXISTS radusergroup (
    id bigserial PRIMARY KEY,
    username text NOT NULL,
    groupname text NOT NULL,
    priority integer NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS radusergroup_username ON radusergroup (username);

CREATE TABLE IF NOT EXISTS radacct (
    radacctid bigserial PRIMARY KEY,
    acctsessionid text NOT NULL,
    acctuniqueid text NOT NULL UNIQUE,
    username text,
    realm text,
    nasipaddress inet NOT NULL,
    nasportid text,
    nasporttype text,
    acctstarttime timestamptz,
    acctupdatetime timestamptz,
    acctstoptime timestamptz,
    acctinterval bigint,
    acctsessiontime bigint,
    acctauthentic text,
    connectinfo_start text,
    connectinfo_stop text,
    acctinputoctets bigint,
    acctoutputoctets bigint,
    calledstationid text,
    callingstationid text,
    acctterminatecause text,
    servicetype text,
    framedprotocol text,
    framedipaddress inet,
    framedipv6address inet,
    framedipv6prefix inet,
    framedinterfaceid text,
    delegatedipv6prefix inet,
    class text
);
-- the open sessions of an account: the line proof
CREATE INDEX IF NOT EXISTS radacct_open_by_user ON radacct (username, radacctid)
    WHERE acctstoptime IS NULL;
-- the open sessions of an access server: it restarted
CREATE INDEX IF NOT EXISTS radacct_open_by_nas ON radacct (nasipaddress, acctstarttime)
    WHERE acctstoptime IS NULL;
CREATE INDEX IF NOT EXISTS radacct_by_user ON radacct (username, acctstarttime);

-- the last answers, for people who look for a fault; no passwords
CREATE TABLE IF NOT EXISTS radpostauth (
    id bigserial PRIMARY KEY,
    username text NOT NULL,
    reply text,
    callingstationid text,
    authdate timestamptz NOT NULL DEFAULT now()
);
-- what was said with a refusal: its reject group's words, else what failed at the server
ALTER TABLE radpostauth ADD COLUMN IF NOT EXISTS said text;
CREATE INDEX IF NOT EXISTS radpostauth_username ON radpostauth (username, authdate);

-- suspension (停机): an account in this group is refused, whatever its plan
INSERT INTO radgroupcheck (groupname, attribute, op, value)
SELECT 'suspended', 'Auth-Type', ':=', 'Reject'
WHERE NOT EXISTS (SELECT 1 FROM radgroupcheck WHERE groupname = 'suspended');
INSERT INTO radgroupreply (groupname, attribute, op, value)
SELECT 'suspended', 'Reply-Message', ':=', 'suspended'
WHERE NOT EXISTS (SELECT 1 FROM radgroupreply WHERE groupname = 'suspended');

-- each reason refuses with words of its own, so that a refusal can be told from any other
INSERT INTO radgroupcheck (groupname, attribute, op, value)
SELECT name, 'Auth-Type', ':=', 'Reject' FROM (VALUES ('suspended-arrears'), ('suspended-admin')) g (name)
WHERE NOT EXISTS (SELECT 1 FROM radgroupcheck WHERE groupname = name);
INSERT INTO radgroupreply (groupname, attribute, op, value)
SELECT name, 'Reply-Message', ':=', said
FROM (VALUES ('suspended-arrears', 'suspended: bills are unpaid'),
             ('suspended-admin', 'suspended by the operator')) g (name, said)
WHERE NOT EXISTS (SELECT 1 FROM radgroupreply WHERE groupname = name);

REVOKE ALL ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO @SERVER_ROLE@, @OSS_ROLE@;

GRANT SELECT ON radcheck, radreply, radgroupcheck, radgroupreply, radusergroup TO @SERVER_ROLE@;
GRANT SELECT, INSERT, UPDATE ON radacct TO @SERVER_ROLE@;
GRANT INSERT ON radpostauth TO @SERVER_ROLE@;
GRANT USAGE ON SEQUENCE radacct_radacctid_seq, radpostauth_id_seq TO @SERVER_ROLE@;

GRANT SELECT, INSERT, UPDATE, DELETE ON radcheck, radreply, radusergroup, radgroupreply
    TO @OSS_ROLE@;
GRANT SELECT ON radacct TO @OSS_ROLE@;
GRANT SELECT (username, reply, said, callingstationid, authdate) ON radpostauth TO @OSS_ROLE@;
GRANT USAGE ON SEQUENCE radcheck_id_seq, radreply_id_seq, radusergroup_id_seq,
    radgroupreply_id_seq TO @OSS_ROLE@;
