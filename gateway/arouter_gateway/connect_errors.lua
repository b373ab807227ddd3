-- Writes errors of the service in Connect's form, for admit.lua. After details.lua.

-- Connect's codes by number, each with its HTTP status (https://connectrpc.com/docs/protocol#error-codes).
local CONNECT = {
  [3] = {"invalid_argument", "400"}, [7] = {"permission_denied", "403"}, [8] = {"resource_exhausted", "429"},
  [13] = {"internal", "500"}, [14] = {"unavailable", "503"}, [16] = {"unauthenticated", "401"},
}

local function json_string(text)
  return '"' .. text:gsub('[%c"\\]', function(char) return ("\\u%04x"):format(char:byte()) end) .. '"'
end

-- Returns the status and the body of the service's error response to the check of the key, in Connect's form.
local function connect_error(handle, response)
  local code = CONNECT[tonumber(response["grpc-status"])] or {"unknown", "500"}
  local message, details = '""', {}
  for _, field in ipairs(fields(decode_base64(response["grpc-status-details-bin"] or ""))) do
    if field[1] == MESSAGE then message = json_string(field[2]) end
    if field[1] == DETAILS then
      local name, value = read_detail(field[2])
      details[#details + 1] = ('{"type":"%s","value":"%s"}'):format(name, handle:base64Escape(value):gsub("=", ""))
    end
  end
  local body = '{"code":"%s","message":%s,"details":[%s]}'
  return code[2], body:format(code[1], message, table.concat(details, ","))
end
