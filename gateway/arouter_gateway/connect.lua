-- Prepares a status for Envoy's Connect bridge, which copies the type of a detail as it is: Connect has the name of the
-- message there, gRPC a URL. After details.lua. Enabled for Connect only.

local NAME = "grpc-status-details-bin"

local function with_names(encoded)
  local written = {}
  for _, field in ipairs(fields(decode_base64(encoded))) do
    local tag, value = field[1], field[2]
    if tag == DETAILS then
      local name, detail = read_detail(value)
      value = write_field(TYPE_URL, name) .. write_field(VALUE, detail)
    end
    written[#written + 1] = write_field(tag, value)
  end
  return table.concat(written)
end

function envoy_on_response(handle)
  local status = handle:headers()
  local details = status:get(NAME)
  if not details then
    status = handle:trailers() -- waits for the end, while messages pass on
    details = status and status:get(NAME)
  end
  if details then status:replace(NAME, handle:base64Escape(with_names(details))) end
end
