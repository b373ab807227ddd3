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

-- The envelopes of other dialects, for errors that the service has not formatted itself. A message is a JSON string. The
-- tables repeat those of the service (tests/unit/gateway/test_error_tables.py compares them).
local MESSAGES = {
  ["401"] = "authentication_error", ["402"] = "billing_error", ["403"] = "permission_error",
  ["404"] = "not_found_error", ["408"] = "timeout_error", ["413"] = "request_too_large",
  ["429"] = "rate_limit_error", ["500"] = "api_error", ["502"] = "api_error", ["503"] = "overloaded_error",
  ["504"] = "timeout_error",
}
local GEMINI = {
  ["401"] = "UNAUTHENTICATED", ["402"] = "RESOURCE_EXHAUSTED", ["403"] = "PERMISSION_DENIED", ["404"] = "NOT_FOUND",
  ["408"] = "DEADLINE_EXCEEDED", ["409"] = "ALREADY_EXISTS", ["429"] = "RESOURCE_EXHAUSTED", ["500"] = "INTERNAL",
  ["501"] = "UNIMPLEMENTED", ["502"] = "UNAVAILABLE", ["503"] = "UNAVAILABLE", ["504"] = "DEADLINE_EXCEEDED",
}
local CONVERT = {
  messages = function(status, message)
    local kind = MESSAGES[status] or "invalid_request_error"
    return ('{"type":"error","error":{"type":"%s","message":%s}}'):format(kind, message)
  end,
  gemini = function(status, message)
    local name = GEMINI[status] or "INVALID_ARGUMENT"
    return ('{"error":{"code":%s,"message":%s,"status":"%s"}}'):format(status, message, name)
  end,
}

-- Returns the message of one of our envelopes as a JSON string.
local function message_of(envelope)
  local _, last = envelope:find('"message":"', 1, true)
  local first, at = last, last + 1
  while true do
    at = envelope:find('["\\]', at)
    if envelope:sub(at, at) == '"' then return envelope:sub(first, at) end
    at = at + 2
  end
end

-- Copies what trailers have to the headers.
local function copy(trailers, headers)
  for name, value in pairs(trailers) do headers:replace(name, value) end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  if headers:get("content-type") == "text/event-stream" then return end
  -- Another response of a streaming method: it has sent its headers first, and the transcoder knows that it has begun.
  if handle:filterContext():get("streams") and headers:get(":status") == "200" then return end
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
  else
    local envelope = body:getBytes(0, body:length())
    local is_formatted = envelope:find('^{"error":') -- Envoy's own reply
    if not is_formatted then
      if status == "499" then status = "503" end -- cancelled by grpc, not by the client
      envelope = UNEXPLAINED[status] or UNEXPLAINED[status >= "500" and "500" or "other"]
    end
    local convert = CONVERT[handle:filterContext():get("dialect")]
    if convert then envelope = convert(status, message_of(envelope)) end
    if convert or not is_formatted then body:setBytes(envelope) end
  end
  headers:replace(":status", status)
  headers:replace("content-type", "application/json")
end
