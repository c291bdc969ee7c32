"""Tables of the store on PostgreSQL, and the function that appends a group to them."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS lanes (
    lane smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, topic text NOT NULL,
    partition integer NOT NULL, position bigint NOT NULL DEFAULT 0, hash bytea NOT NULL,
    recorded_at_us bigint NOT NULL DEFAULT 0,
    CONSTRAINT lanes_topic_partition UNIQUE (topic, partition));
CREATE TABLE IF NOT EXISTS events (
    lane smallint NOT NULL, position bigint NOT NULL, stream text NOT NULL,
    version bigint NOT NULL, hash bytea NOT NULL, record bytea NOT NULL,
    CONSTRAINT events_lane_position PRIMARY KEY (lane, position),
    CONSTRAINT events_stream_version UNIQUE (stream, version));
-- Sealed bytes do not compress.
ALTER TABLE events ALTER COLUMN record SET STORAGE EXTERNAL;
CREATE TABLE IF NOT EXISTS receipts (
    command_id text NOT NULL, digest bytea NOT NULL, receipt bytea NOT NULL,
    CONSTRAINT receipts_command_id PRIMARY KEY (command_id));
CREATE TABLE IF NOT EXISTS claims (
    kind text NOT NULL, key bytea NOT NULL, owner text NOT NULL,
    CONSTRAINT claims_kind_key PRIMARY KEY (kind, key));
CREATE INDEX IF NOT EXISTS claims_of_owner ON claims (owner, kind);
CREATE TABLE IF NOT EXISTS cursors (
    name text NOT NULL, topic text NOT NULL, partition integer NOT NULL, position bigint NOT NULL,
    CONSTRAINT cursors_name_lane PRIMARY KEY (name, topic, partition));
"""

# One call is one round trip, and with autocommit one transaction.
FUNCTION = """
CREATE OR REPLACE FUNCTION append_group(
    event_lanes smallint[], positions bigint[], streams text[], versions bigint[],
    hashes bytea[], records bytea[],
    command_ids text[], digests bytea[], receipts_ bytea[],
    kinds text[], keys bytea[], owners text[],
    moved smallint[], head_positions bigint[], head_hashes bytea[], head_times bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM lanes WHERE lane = ANY (moved) ORDER BY lane FOR UPDATE;
    INSERT INTO events
        SELECT * FROM unnest(event_lanes, positions, streams, versions, hashes, records);
    INSERT INTO receipts SELECT * FROM unnest(command_ids, digests, receipts_);
    INSERT INTO claims SELECT * FROM unnest(kinds, keys, owners);
    UPDATE lanes SET position = h.p, hash = h.h, recorded_at_us = h.t
        FROM unnest(moved, head_positions, head_hashes, head_times) AS h (l, p, h, t)
        WHERE lanes.lane = h.l;
END $$
"""
APPEND_GROUP = (
    "SELECT append_group(%b::smallint[], %b::bigint[], %b::text[], %b::bigint[], %b::bytea[], "
    "%b::bytea[], %b::text[], %b::bytea[], %b::bytea[], %b::text[], %b::bytea[], %b::text[], "
    "%b::smallint[], %b::bigint[], %b::bytea[], %b::bigint[])"
)
