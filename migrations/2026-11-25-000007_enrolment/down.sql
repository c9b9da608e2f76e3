ALTER TABLE terminal
    DROP COLUMN revoked_at_record,
    DROP COLUMN software,
    DROP COLUMN journal_waiting,
    DROP COLUMN journal_last,
    DROP COLUMN last_seen_at;
DROP FUNCTION make_room_for_enrolment();
DROP TABLE enrolment;
