-- Posts the lines of a file one after another: `wrk -s post.lua URL -- FILE`, with the API key that
-- the environment variable BENCHMARK_TOKEN names, if any.
local requests = {}
local next_request = 0

function init(arguments)
  local headers = { ["Content-Type"] = "application/json" }
  local token = os.getenv("BENCHMARK_TOKEN")
  if token and token ~= "" then headers["Authorization"] = "Bearer " .. token end
  for line in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("POST", nil, headers, line)
  end
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"n": %d, "microseconds": %d, "p50": %d, "p99": %d, "bad": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
