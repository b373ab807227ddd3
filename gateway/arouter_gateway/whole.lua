-- Chooses the RPC that answers a chat completion: `CreateWholeChatCompletion` where the body surely asks for no stream
-- (docs/decisions/0010). The route is already taken; only the transcoder reads the path after this. Refuses a body that
-- bodies.lua has dropped a part of.

local SMALL = 32768 -- bytes; nothing is dropped of such a body (bodies.lua)
local LONGEST = 262144 -- bytes; reading a longer body twice costs more than the other RPC

-- Says whether a JSON text may have `"stream": true` at its top. It may also say it where it means nothing.
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
  local body = handle:body()
  if body and body:length() > SMALL then
    local said = handle:streamInfo():dynamicMetadata():get("arouter")
    if said and said.crowded then handle:respond({[":status"] = "503"}) end
  end
  if body and body:length() <= LONGEST and not may_stream(body:getBytes(0, body:length())) then
    handle:headers():replace(":path", "/v1/chat/completions:whole")
  end
end
