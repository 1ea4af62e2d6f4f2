-- By how much the times of an interval are shifted, and after how many failures a schedule is paused.
ALTER TABLE schedules ADD COLUMN phase_s bigint NOT NULL DEFAULT 0 CHECK (phase_s >= 0);
ALTER TABLE schedules ADD COLUMN pause_after_failures integer CHECK (pause_after_failures > 0);
