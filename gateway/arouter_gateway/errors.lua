-- Makes a REST answer out of how the gRPC call ended. On for transcoded routes only; gRPC clients never meet it.
--
-- The service ends a failed call with trailing metadata: `x-arouter-error`, the body, and `x-arouter-status`, the HTTP
-- status, since no gRPC code maps to 402 or 502. They arrive as headers when nothing was sent before, else as trailers.

local ENVELOPE = '{"error":{"message":"The service failed without giving a reason.",'
  .. '"type":"%s","param":null,"code":null}}'

-- Removes gRPC's and ARouter's own business from headers or trailers, and returns it.
local function take_internal(metadata, taken)
  local found = {}
  for name, value in pairs(metadata) do
    if name:find("^grpc%-") or name == "x-arouter-error" or name == "x-arouter-status" then found[name] = value end
  end
  for name, value in pairs(found) do -- afterwards: nothing may be removed while iterating
    metadata:remove(name)
    taken[name] = value
  end
end

function envoy_on_response(handle)
  local taken = {}
  take_internal(handle:headers(), taken)
  if handle:headers():get(":status") == "200" then
    local trailers = handle:trailers() -- a stream flows on while this waits
    if trailers then take_internal(trailers, taken) end
    return
  end

  local body = handle:body(true) -- holds the headers back until the call has ended
  local headers, trailers = handle:headers(), handle:trailers()
  if trailers then
    take_internal(trailers, taken)
    for name, value in pairs(trailers) do headers:replace(name, value) end -- retry-after and the like
  end
  local status = taken["x-arouter-status"] or headers:get(":status")
  if taken["x-arouter-error"] then
    body:setBytes(taken["x-arouter-error"])
  elseif body:length() < 9 or body:getBytes(0, 9) ~= '{"error":' then -- else Envoy's own reply, in shape already
    body:setBytes(ENVELOPE:format(status < "500" and "invalid_request_error" or "server_error"))
  end
  headers:replace(":status", status)
  headers:replace("content-type", "application/json")
end
