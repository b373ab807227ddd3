-- Bounds the bytes of bodies that have not arrived completely, which the gateway holds until they have
-- (docs/decisions/0011). On for every REST route on which a body is read, behind admit.lua: the key is valid.
--
-- Each worker thread has ROOM bytes for all bodies of more than SMALL bytes (render.py sets these). A credential may have as
-- many of them as stay free, so that there is room for another one. An announced body counts from the start and is refused
-- before it is read. One of unknown length counts as the LARGEST where the route says so (`reserves`); elsewhere as it
-- arrives: what is too much of it is dropped, and whole.lua refuses it at its end.

local RECOUNT = 100 -- ms between two recounts at least

-- The bodies that are counted: {credential = …, bytes = …}. Nothing but a request's own script holds on to its body, and
-- Envoy drops the script with the request, however that ends: what has ended is gone after a garbage collection.
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

-- Forgets the bodies of requests that have ended before their time.
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

  local sent = headers:get("authorization") or headers:get("x-api-key") or ""
  local body = {credential = sent:match("%S+%s*$") or "", bytes = 0}
  bodies[body] = true
  if length then
    if not has_room(handle, body.credential, length) then
      mark(handle)
      handle:respond({[":status"] = "503"})
    end
    count(body, length)
    handle:trailers() -- the body flows on while this waits for its end
  else
    local arrived, crowded = 0, false
    for chunk in handle:bodyChunks() do
      local is_small = arrived <= SMALL -- no body becomes small by what is dropped of it: whole.lua relies on that
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
