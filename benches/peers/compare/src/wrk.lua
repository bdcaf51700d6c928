-- Sends a request with each of the cookies in turn.
-- Arguments: the path, a file with a header in each line, and a file with cookies in each line.

local requests = {}
local next_request = 0

function init(arguments)
  local path, header_file, cookie_file = arguments[1], arguments[2], arguments[3]
  local headers = {}
  for line in io.lines(header_file) do
    local name, value = line:match("^(.-): (.*)$")
    headers[name] = value
  end
  -- Otherwise wrk adds another one.
  headers["Host"], headers["host"] = headers["host"], nil
  for line in io.lines(cookie_file) do
    headers["cookie"] = line
    requests[#requests + 1] = wrk.format("GET", path, headers)
  end
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.status + errors.connect + errors.read + errors.write + errors.timeout
  print(string.format("RESULT %d %d %d %d %d", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), failed))
end
