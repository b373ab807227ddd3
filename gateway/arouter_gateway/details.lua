-- Reads and writes the details of a gRPC status (google.rpc.Status in grpc-status-details-bin), for Connect. Included in the
-- scripts that need it (render.py).

local TYPE_PREFIX = "^type%.googleapis%.com/"
local MESSAGE, DETAILS = 0x12, 0x1A -- tags: fields 2 and 3 of Status
local TYPE_URL, VALUE = 0x0A, 0x12 -- fields 1 and 2 of Any

local SEXTET = {}
for at = 1, 64 do
  SEXTET[("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"):byte(at)] = at - 1
end

local function decode_base64(text)
  local bytes, value, bits = {}, 0, 0
  for at = 1, #text do
    local sextet = SEXTET[text:byte(at)]
    if sextet then
      value, bits = value * 64 + sextet, bits + 6
      if bits >= 8 then
        bits = bits - 8
        bytes[#bytes + 1] = string.char(math.floor(value / 2 ^ bits))
        value = value % 2 ^ bits
      end
    end
  end
  return table.concat(bytes)
end

-- Returns a varint and the position after it.
local function read_varint(bytes, at)
  local value, unit = 0, 1
  repeat
    local byte = bytes:byte(at) or 0
    value, unit, at = value + byte % 128 * unit, unit * 128, at + 1
  until byte < 128
  return value, at
end

local function varint(value)
  if value < 128 then return string.char(value) end
  return string.char(value % 128 + 128) .. varint(math.floor(value / 128))
end

-- Returns the tags and values of a message's fields, which are varints or have a length.
local function fields(bytes)
  local found, at, tag = {}, 1, nil
  while at <= #bytes do
    tag, at = read_varint(bytes, at)
    local value, after = read_varint(bytes, at)
    if tag % 8 == 2 then
      value, after = bytes:sub(after, after + value - 1), after + value
    end
    found[#found + 1] = {tag, value}
    at = after
  end
  return found
end

local function write_field(tag, value)
  if type(value) == "number" then return varint(tag) .. varint(value) end
  return varint(tag) .. varint(#value) .. value
end

-- Returns the type's name and the value of a detail.
local function read_detail(any)
  local name, value = "", ""
  for _, field in ipairs(fields(any)) do
    if field[1] == TYPE_URL then name = field[2]:gsub(TYPE_PREFIX, "") end
    if field[1] == VALUE then value = field[2] end
  end
  return name, value
end
