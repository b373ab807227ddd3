-- Derives a REST response from the call's status and trailing metadata. Enabled on transcoded routes only, not for gRPC
-- clients. The filter `metadata`, after this one, removes what is not for clients.
--
-- The service ends a failed call with trailing metadata: `x-arouter-error`, the body, and `x-arouter-status`, the HTTP
-- status, because no gRPC code maps to 402 or 502. It arrives as headers if nothing was sent before, otherwise as
-- trailers. The response headers of a unary call are trailing metadata too.
--
-- Each use of `handle`, headers or trailers is a call into Envoy of about a microsecond: successes make few of them.

local ENVELOPE = '{"error":{"message":"%s","type":"%s","param":null,"code":%s}}'

-- Bodies of errors that the service has not explained: rejections by gRPC itself, and bugs.
local UNEXPLAINED = {
  ["500"] = ENVELOPE:format("The service failed without giving a reason.", "server_error", '"internal_error"'),
  ["503"] = ENVELOPE:format("The service is unavailable at the moment. Try again.", "server_error", '"unavailable"'),
  ["504"] = ENVELOPE:format("The service did not respond in time.", "server_error", '"deadline_exceeded"'),
  other = ENVELOPE:format("The service rejected the request without giving a reason.", "invalid_request_error", "null"),
}

-- Copies what trailers have to the headers.
local function copy(trailers, headers)
  for name, value in pairs(trailers) do headers:replace(name, value) end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  if headers:get("content-type") == "text/event-stream" then return end
  local body = handle:body(true) -- holds back the headers until the call has ended
  local trailers = handle:trailers()
  headers = handle:headers()
  if trailers then copy(trailers, headers) end -- x-arouter-route, retry-after and the like
  local status = headers:get(":status")
  if status == "200" then return end
  status = headers:get("x-arouter-status") or status
  local explained = headers:get("x-arouter-error")
  if explained then
    body:setBytes(explained)
  elseif body:length() < 9 or body:getBytes(0, 9) ~= '{"error":' then -- else Envoy's own reply, already formatted
    if status == "499" then status = "503" end -- cancelled by grpc, not by the client
    body:setBytes(UNEXPLAINED[status] or UNEXPLAINED[status >= "500" and "500" or "other"])
  end
  headers:replace(":status", status)
  headers:replace("content-type", "application/json")
end
