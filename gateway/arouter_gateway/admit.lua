-- Decides from a REST request's headers whether its body is read (docs/decisions/0011). On for every REST route.
--
-- 1. The service checks the key before the gateway reads the body. It checks the key of each call again, so what is
--    remembered here lets a body be read and nothing else.
-- 2. GET, DELETE and the like have no body: the transcoder would read fields of the request from it, those of the path too.
-- 3. A slash at the end of a path means nothing.
-- 4. No parameter of the query has an escape in its name: the transcoder decodes names, but ignores the ones that it is told
--    to ignore (ignored_query_parameters) only as they are.

local CHECK = "/arouter.v1.KeyService/CheckKey"
local EMPTY_MESSAGE = "\0\0\0\0\0" -- gRPC: not compressed, no bytes
local CHECK_TIMEOUT = 10000 -- ms; no more of the body than 32 KiB is read meanwhile

local REMEMBERED = 30 -- seconds
local MOST_REMEMBERED = 1000 -- credentials in each of the two tables
local LONGEST_REMEMBERED = 512 -- bytes

local SHORT = 16384 -- bytes of a body that is read before a refusal

local SLASH = 47
local MAY_HAVE_BODY = {POST = true, PUT = true, PATCH = true}

-- When each credential was found to be valid. A full table becomes the older one, which is then forgotten as a whole.
local newer, older, entries = {}, {}, 0

local function remember(credential, now)
  if #credential > LONGEST_REMEMBERED then return end
  if entries >= MOST_REMEMBERED then newer, older, entries = {}, newer, 0 end
  if not newer[credential] then entries = entries + 1 end
  newer[credential] = now
end

local function is_remembered(credential, now)
  local since = newer[credential] or older[credential]
  return since and now >= since and now - since < REMEMBERED -- a clock may be set back
end

-- Ends the script. The body is in shape already: local_reply_config leaves it as it is.
local function refuse(handle, status, body, retry_after)
  handle:streamInfo():dynamicMetadata():set("arouter", "refused", true)
  handle:respond({[":status"] = status, ["content-type"] = "application/json", ["retry-after"] = retry_after}, body)
end

-- Asks the service. Responds, and so ends the script, if the service refuses the key or does not answer.
local function check_key(handle, headers)
  local authorization, api_key = headers:get("authorization"), headers:get("x-api-key")
  local length = tonumber(headers:get("content-length") or "")
  local credential = (authorization or "") .. "\n" .. (api_key or "")
  local now = os.time()
  if is_remembered(credential, now) then return end
  local answer = handle:httpCall("service", { -- after it, Envoy refuses every use of `headers`
    [":method"] = "POST",
    [":path"] = CHECK,
    [":authority"] = "gateway",
    ["content-type"] = "application/grpc",
    te = "trailers",
    authorization = authorization,
    ["x-api-key"] = api_key,
    ["x-request-id"] = headers:get("x-request-id"),
    ["x-forwarded-for"] = headers:get("x-forwarded-for"), -- the gateway's own certificate is no client's
  }, EMPTY_MESSAGE, {timeout_ms = CHECK_TIMEOUT, trace_sampled = false}) -- a trace has one span of the gateway

  local status = answer[":status"]
  if status == "504" then
    handle:respond({[":status"] = "504"})
  elseif status == "200" and (answer["grpc-status"] or "0") == "0" then
    remember(credential, now)
  elseif answer["x-arouter-error"] and not answer["x-arouter-not-begun"] then
    -- A short request is read to its end first: an HTTP/1 connection with a rest of one on it cannot be used again.
    if length and length > 0 and length <= SHORT then pcall(handle.body, handle) end -- or it has arrived meanwhile
    refuse(handle, answer["x-arouter-status"], answer["x-arouter-error"], answer["retry-after"])
  end
  -- Else this service stops or is gone: the call itself is sent to another, if there is one.
end

-- A `grpc-timeout`, or a `…-bin` that some proxy has added, would end the call before it reaches the service.
local function remove_grpc_headers(headers)
  local found = {}
  for name, _ in pairs(headers) do
    if name:find("^grpc%-") or name:find("%-bin$") then found[#found + 1] = name end
  end
  for _, name in ipairs(found) do headers:remove(name) end
  if headers:get("content-type") then headers:replace("content-type", "application/json") end -- it is read as JSON
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
  local length = headers:get("content-length")
  local says_body = (length and length ~= "0") or headers:get("transfer-encoding")
  local context = handle:filterContext()
  if context:get("direct") then
    -- The answer does not depend on the body, but is sent after it (read_body).
    if MAY_HAVE_BODY[method] or says_body then check_key(handle, headers) end
    return
  end

  remove_grpc_headers(headers)
  clean_path(headers)
  local has_body = length and length ~= "0"
  if not MAY_HAVE_BODY[method] and not length then
    -- Before the key, since a body that arrives meanwhile cannot be read afterwards. The routes allow very little of it.
    local body = handle:body()
    has_body = body and body:length() > 0
  end
  check_key(handle, handle:headers())
  if has_body and not MAY_HAVE_BODY[method] then refuse_body(handle, method) end
end
