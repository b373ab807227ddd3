-- Decides from the headers of a REST request, or a unary Connect call, whether its body is read (docs/decisions/0011).
-- Enabled on all REST routes and those of unary Connect calls. After connect_errors.lua.
--
-- 1. The service checks the key before the gateway reads the body. It checks the key of each call again, so a cached
--    result only allows a body to be read.
-- 2. GET, DELETE and similar requests have no body: the transcoder would read request fields from it, including those
--    of the path.
-- 3. A trailing slash in a path is ignored.
-- 4. Query parameters with escapes in their names are removed: the transcoder decodes names, but compares those that it
--    must ignore (ignored_query_parameters) without decoding.

local CHECK = "/arouter.v1.KeyService/CheckKey"
local EMPTY_MESSAGE = "\0\0\0\0\0" -- gRPC: not compressed, no bytes
local CHECK_TIMEOUT = 10000 -- ms; meanwhile at most 32 KiB of the body is read

local CREDENTIAL_TTL = 30 -- seconds
local MAX_CREDENTIALS = 1000 -- in each of the two tables
local MAX_CREDENTIAL_BYTES = 512

local SHORT = 16384 -- bytes of a body that is read before a rejection

local SLASH = 47
local MAY_HAVE_BODY = {POST = true, PUT = true, PATCH = true}

-- When each credential was last validated. A full table becomes the older one, which is then discarded as a whole.
local newer, older, entries = {}, {}, 0

local function remember(credential, now)
  if #credential > MAX_CREDENTIAL_BYTES then return end
  if entries >= MAX_CREDENTIALS then newer, older, entries = {}, newer, 0 end
  if not newer[credential] then entries = entries + 1 end
  newer[credential] = now
end

local function is_cached(credential, now)
  local since = newer[credential] or older[credential]
  return since and now >= since and now - since < CREDENTIAL_TTL -- the clock may be set back
end

-- Responds with an error, which ends the script. The body is already an envelope: local_reply_config does not change it.
local function refuse(handle, status, body, retry_after)
  handle:streamInfo():dynamicMetadata():set("arouter", "refused", true)
  handle:respond({[":status"] = status, ["content-type"] = "application/json", ["retry-after"] = retry_after}, body)
end

local function declares_body(headers)
  return (headers:get("content-length") or "0") ~= "0" or headers:get("transfer-encoding")
end

-- Asks the service. If the service rejects the key or does not respond, sends an error, which ends the script.
local function check_key(handle, headers)
  local authorization, api_key = headers:get("authorization"), headers:get("x-api-key")
  local google_key = headers:get("x-goog-api-key")
  local credential = (authorization or "") .. "\n" .. (api_key or "") .. "\n" .. (google_key or "")
  local now = os.time()
  if is_cached(credential, now) then return end
  local length = tonumber(headers:get("content-length") or "")
  local response = handle:httpCall("service", { -- after it, `headers` must not be used
    [":method"] = "POST",
    [":path"] = CHECK,
    [":authority"] = "gateway",
    ["content-type"] = "application/grpc",
    te = "trailers",
    authorization = authorization,
    ["x-api-key"] = api_key,
    ["x-goog-api-key"] = google_key,
    ["x-request-id"] = headers:get("x-request-id"),
    ["x-forwarded-for"] = headers:get("x-forwarded-for"), -- the service then does not take the gateway's certificate for a client's
  }, EMPTY_MESSAGE, {timeout_ms = CHECK_TIMEOUT, trace_sampled = false}) -- only one span of the gateway per trace

  local status = response[":status"]
  if status == "504" then
    handle:respond({[":status"] = "504"})
  elseif status == "200" and (response["grpc-status"] or "0") == "0" then
    remember(credential, now)
  elseif response["x-arouter-error"] and not response["x-arouter-not-begun"] then
    -- A short request is read completely first: an HTTP/1 connection with unread bytes cannot be reused. It may have
    -- arrived during the check; then `body` raises an error.
    if length and length > 0 and length <= SHORT then pcall(handle.body, handle) end
    local status, body = response["x-arouter-status"], response["x-arouter-error"]
    if handle:filterContext():get("protocol") == "connect" then status, body = connect_error(handle, response) end
    refuse(handle, status, body, response["retry-after"])
  end
  -- Otherwise this service is stopping or unreachable: the call itself is sent to another one, if there is one.
end

local function clean_path(headers)
  local sent = headers:get(":path")
  if sent:byte(-1) ~= SLASH and not sent:find("?", 1, true) then return end
  local path, query = sent:match("^([^?]*)(.*)$")
  if #path > 1 and path:byte(-1) == SLASH then path = path:sub(1, -2) end
  if query:find("%", 1, true) then query = query:gsub("([?&])[^=&]*%%[^&]*", "%1") end
  if #path + #query ~= #sent then headers:replace(":path", path .. query) end
end

local function refuse_body(handle, method)
  refuse(handle, "400", '{"error":{"message":"A ' .. method
    .. ' request has no body here.","type":"invalid_request_error","param":null,"code":null}}')
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local method = headers:get(":method")
  local may_have_body = MAY_HAVE_BODY[method]
  if handle:filterContext():get("direct") then
    -- A direct response does not depend on the body, but is sent after it (filter read_body in envoy.yaml).
    if may_have_body or declares_body(headers) then check_key(handle, headers) end
    return
  end

  clean_path(headers)
  if may_have_body then return check_key(handle, headers) end
  local length = headers:get("content-length")
  local has_body = length and length ~= "0"
  if not length then
    -- Before the key, since a body that arrives meanwhile cannot be read afterwards. The routes allow very little of it.
    local body = handle:body()
    has_body = body and body:length() > 0
  end
  check_key(handle, handle:headers())
  if has_body then refuse_body(handle, method) end
end
