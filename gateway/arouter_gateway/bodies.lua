-- Bounds the bytes of request bodies that are still arriving, which the gateway buffers (docs/decisions/0011). Enabled on
-- every REST route that reads a body, after admit.lua: the key is valid.
--
-- Each worker thread has ROOM bytes for all bodies of more than SMALL bytes (render.py sets these). A credential may use as
-- many of them as are left free. A body with a length counts from the start and is refused before it is read. A
-- body of unknown length counts as LARGEST if the route says so (`reserves`), else as it arrives: what exceeds the bound is
-- dropped, and choose_rpc.lua refuses the body at its end.

local RECOUNT = 100 -- minimum ms between two recounts

-- The bodies that are counted: {credential = …, bytes = …}. Only a request's own script references its body, and Envoy
-- releases the script with the request, however that ends: bodies of ended requests are gone after a garbage collection.
local bodies = setmetatable({}, {__mode = "k"})
local held, all = {}, 0 -- bytes: by credential, and their sum
local recounted = 0 -- ms since 1970

local function count(body, bytes)
  local credential = body.credential
  local sum = (held[credential] or 0) + bytes
  body.bytes = body.bytes + bytes
  held[credential] = sum > 0 and sum or nil
  all = all + bytes
end

local function fits(credential, bytes)
  local mine = held[credential] or 0
  return all + bytes <= ROOM and (mine == 0 or mine + bytes <= ROOM - all)
end

-- Removes the bodies of requests that ended before their bodies did.
local function recount(now)
  recounted = now
  collectgarbage()
  held, all = {}, 0
  for body, _ in pairs(bodies) do
    held[body.credential] = (held[body.credential] or 0) + body.bytes
    all = all + body.bytes
  end
end

local function has_room(handle, credential, bytes)
  if fits(credential, bytes) then return true end
  local now = handle:timestamp()
  if now >= recounted and now - recounted < RECOUNT then return false end -- a clock may be set back
  recount(now)
  return fits(credential, bytes)
end

local function mark(handle)
  handle:streamInfo():dynamicMetadata():set("arouter", "crowded", true)
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local length = tonumber(headers:get("content-length") or "")
  if length and length <= SMALL then return end
  if not length and handle:filterContext():get("reserves") then length = LARGEST end

  local sent = headers:get("authorization") or headers:get("x-api-key") or headers:get("x-goog-api-key") or ""
  local body = {credential = sent:match("%S+%s*$") or "", bytes = 0}
  bodies[body] = true
  if length then
    if not has_room(handle, body.credential, length) then
      mark(handle)
      handle:respond({[":status"] = "503"})
    end
    count(body, length)
    handle:trailers() -- waits for the end of the body, which passes on meanwhile
  else
    local arrived, crowded = 0, false
    for chunk in handle:bodyChunks() do
      local is_small = arrived <= SMALL -- dropping makes no body small: choose_rpc.lua relies on it
      arrived = arrived + chunk:length()
      if not is_small then
        local more = arrived - body.bytes
        crowded = crowded or not has_room(handle, body.credential, more)
        if crowded then chunk:setBytes("") else count(body, more) end
      end
    end
    if crowded then mark(handle) end
  end
  bodies[body] = nil
  count(body, -body.bytes)
end
