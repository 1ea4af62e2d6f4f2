-- The re-runs that a request of many made, in the order of the jobs that they run again.
-- $1 request
SELECT id, uid, rerun_of, fingerprint FROM jobs WHERE rerun_request = $1 ORDER BY rerun_of
