-- Keeps gRPC's business out of REST calls, and makes a REST answer out of how the gRPC call ended. On for transcoded
-- routes only; gRPC clients never meet it.
--
-- The service ends a failed call with trailing metadata: `x-arouter-error`, the body, and `x-arouter-status`, the HTTP
-- status, since no gRPC code maps to 402 or 502. They arrive as headers when nothing was sent before, else as trailers.
-- What it says of an answer that is no stream comes as trailing metadata, too.

local ENVELOPE = '{"error":{"message":"%s","type":"%s","param":null,"code":%s}}'

-- What to say where the service has not explained itself: grpc's own refusals, defects.
local UNEXPLAINED = {
  ["500"] = ENVELOPE:format("The service failed without giving a reason.", "server_error", '"internal_error"'),
  ["503"] = ENVELOPE:format("The service is unavailable at the moment. Try again.", "server_error", '"unavailable"'),
  ["504"] = ENVELOPE:format("The service did not answer in time.", "server_error", '"deadline_exceeded"'),
  other = ENVELOPE:format("The service refused the request without giving a reason.", "invalid_request_error", "null"),
}

local INTERNAL = {["x-arouter-error"] = true, ["x-arouter-status"] = true, ["x-arouter-not-begun"] = true}

-- Removes gRPC's and ARouter's own business from headers or trailers, and returns it.
local function take_internal(metadata, taken)
  local found = {}
  for name, value in pairs(metadata) do
    if name:find("^grpc%-") or INTERNAL[name] then found[name] = value end
  end
  for name, value in pairs(found) do -- afterwards: nothing may be removed while iterating
    metadata:remove(name)
    taken[name] = value
  end
end

function envoy_on_response(handle)
  local taken = {}
  take_internal(handle:headers(), taken)
  if handle:headers():get("content-type") == "text/event-stream" then
    local trailers = handle:trailers() -- a stream flows on while this waits
    if trailers then take_internal(trailers, taken) end
    return
  end

  local body = handle:body(true) -- holds the headers back until the call has ended
  local headers, trailers = handle:headers(), handle:trailers()
  if trailers then
    take_internal(trailers, taken)
    for name, value in pairs(trailers) do headers:replace(name, value) end -- x-arouter-route, retry-after and the like
  end
  if headers:get(":status") == "200" then return end
  local status = taken["x-arouter-status"] or headers:get(":status")
  if taken["x-arouter-error"] then
    body:setBytes(taken["x-arouter-error"])
  elseif body:length() < 9 or body:getBytes(0, 9) ~= '{"error":' then -- else Envoy's own reply, in shape already
    if status == "499" then status = "503" end -- grpc gave the call up; it was not the client who cancelled
    body:setBytes(UNEXPLAINED[status] or UNEXPLAINED[status >= "500" and "500" or "other"])
  end
  headers:replace(":status", status)
  headers:replace("content-type", "application/json")
end
