-- What wrk sends: the body in the file that BENCH_BODY names, with the headers of BENCH_HEADERS, one a line.
local file = io.open(os.getenv("BENCH_BODY"), "rb")
if file then
  wrk.method = "POST"
  wrk.body = file:read("*a")
  wrk.headers["content-type"] = "application/json"
  file:close()
end
for name, value in os.getenv("BENCH_HEADERS"):gmatch("([^:\n]+): ([^\n]+)") do wrk.headers[name] = value end

-- The keys in BENCH_KEYS, one a line, are taken in turn.
local keys, at = {}, 0
for key in os.getenv("BENCH_KEYS"):gmatch("[^\n]+") do keys[#keys + 1] = "Bearer " .. key end
if #keys > 0 then
  function request()
    at = at % #keys + 1
    wrk.headers["authorization"] = keys[at]
    return wrk.format()
  end
end
