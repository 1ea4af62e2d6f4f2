-- How many jobs a schedule still makes.
ALTER TABLE schedules ADD COLUMN remaining integer CHECK (remaining >= 0);
