-- Lets the web pages that may call read a direct response too: without it, they see a failed connection instead of the 404 of
-- a wrong base URL. Enabled on the routes of direct responses, if there are such pages. render.py defines ALLOWED.

function envoy_on_request(handle)
  local origin = handle:headers():get("origin")
  if origin and (ALLOWED["*"] or ALLOWED[origin] or ALLOWED[origin:gsub(":%d+$", "") .. ":"]) then
    handle:streamInfo():dynamicMetadata():set("arouter", "origin", origin)
  end
end

function envoy_on_response(handle)
  local metadata = handle:streamInfo():dynamicMetadata():get("arouter")
  if metadata and metadata.origin then
    handle:headers():replace("access-control-allow-origin", metadata.origin)
    handle:headers():replace("access-control-expose-headers", "*")
  end
end
