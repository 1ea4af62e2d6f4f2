-- What wrk sends: one job after the other on each connection. Its last line is the result, as JSON.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"uid":"wrk","task":"noop"}'

function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local per_s = summary.requests / summary.duration * 1e6
  io.write(string.format('{"per_s": %f, "failed": %d}\n', per_s, failed))
end
