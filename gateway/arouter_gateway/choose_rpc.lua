-- Chooses between the RPCs of a path. The route is already selected; only the transcoder reads the path after this
-- filter.
-- The route's filter context says what may change (routes.py):
-- - `verb`, `version`: the path gets a verb or another version: models in the shape of another vendor's API.
-- - `unary`: the path of the unary equivalent, which is taken if the body certainly does not request a stream
--   (docs/decisions/0010). Refuses a body of which bodies.lua has dropped a part, never one of SMALL bytes or less
--   (render.py sets this).

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
  local context = handle:filterContext()
  local unary = context:get("unary")
  if not unary then
    local verb, version = context:get("verb"), context:get("version")
    local path, query = handle:headers():get(":path"):match("^([^?]*)(.*)$")
    if version then path = path:gsub("^/v1/", version .. "/") end
    handle:headers():replace(":path", path .. (verb or "") .. query)
    return
  end
  local body = handle:body()
  if body and body:length() > SMALL then
    local metadata = handle:streamInfo():dynamicMetadata():get("arouter")
    if metadata and metadata.crowded then handle:respond({[":status"] = "503"}) end
  end
  if body and body:length() <= MAX_BYTES and not may_stream(body:getBytes(0, body:length())) then
    handle:headers():replace(":path", unary)
  end
end
