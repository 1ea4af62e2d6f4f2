-- The time of day by the clock of the store.
SELECT now_ms() AS now
