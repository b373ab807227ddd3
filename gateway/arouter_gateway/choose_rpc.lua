-- Chooses between the RPCs of a path. The route is already selected; only the transcoder reads the path after this
-- filter.
-- - A chat completion is `CreateUnaryChatCompletion` if the body certainly does not request a stream
--   (docs/decisions/0010). Refuses a body of which bodies.lua has dropped a part.
-- - Where the route says so, the path gets a verb or another version: models in the shape of another vendor's API.

local SMALL = 32768 -- bytes; bodies.lua drops nothing of a smaller body
local MAX_BYTES = 262144 -- scanning a longer body costs more than the streaming RPC

-- Returns whether a JSON text may have `"stream": true` at its top level. May also return true for other occurrences.
local function may_stream(text)
  if text:find("\\u", 1, true) then return true end -- "\u0073tream" is the same name
  local at = 1
  repeat
    local _, last = text:find('"stream"', at, true)
    if not last then return false end
    at = last + 1
  until text:find("^%s*:%s*true", at)
  return true
end

function envoy_on_request(handle)
  local verb = handle:filterContext():get("verb")
  if verb then
    local path, query = handle:headers():get(":path"):match("^([^?]*)(.*)$")
    handle:headers():replace(":path", path .. verb .. query)
    return
  end
  local version = handle:filterContext():get("version")
  if version then
    local rest = handle:headers():get(":path"):match("^/v1(/.*)$")
    handle:headers():replace(":path", version .. rest)
    return
  end
  local body = handle:body()
  if body and body:length() > SMALL then
    local metadata = handle:streamInfo():dynamicMetadata():get("arouter")
    if metadata and metadata.crowded then handle:respond({[":status"] = "503"}) end
  end
  if body and body:length() <= MAX_BYTES and not may_stream(body:getBytes(0, body:length())) then
    handle:headers():replace(":path", "/v1/chat/completions:unary")
  end
end
