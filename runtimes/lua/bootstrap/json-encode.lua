-- Encodes JSON. null is json.null. A table is an array if it was decoded as one, made by json.array, or has a value at 1.
-- Functions use this with require("layersmith.json").

local json = { null = setmetatable({}, { __tostring = function() return "null" end, __name = "json.null" }) }
package.preload["layersmith.json"] = function() return json end

local array_mt = { __name = "json.array" }
local escapes = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

function json.array(list) return setmetatable(list, array_mt) end

-- Converts any bytes to valid UTF-8: each invalid byte becomes U+FFFD.
function json.clean(text)
  local parts, at = {}, 1
  while true do
    local _, bad = utf8.len(text, at)
    if not bad then break end
    parts[#parts + 1] = text:sub(at, bad - 1) .. "\u{FFFD}"
    at = bad + 1
  end
  parts[#parts + 1] = text:sub(at)
  return table.concat(parts)
end

local function name_of(path)
  local parts = { path[0] }
  for i = 1, #path do
    if i > 20 then
      parts[#parts + 1] = "…"
      break
    end
    local key = path[i]
    if type(key) ~= "string" then
      parts[#parts + 1] = "[" .. tostring(key) .. "]"
    elseif key:find("^[%a_][%w_]*$") then
      parts[#parts + 1] = "." .. key
    else
      parts[#parts + 1] = "[" .. string.format("%q", json.clean(key)) .. "]"
    end
  end
  return table.concat(parts)
end

local function refuse(path, why) error(name_of(path) .. " " .. why, 0) end

local function write_string(text, write)
  write('"' .. text:gsub('["\\%c]', function(byte)
    if byte == '"' or byte == "\\" then return "\\" .. byte end
    return string.format("\\u%04x", byte:byte())
  end) .. '"')
end

local function number_text(number, path)
  if math.type(number) == "integer" then return string.format("%d", number) end
  if number ~= number or number == math.huge or number == -math.huge then
    refuse(path, "is " .. tostring(number) .. ", which JSON cannot represent")
  end
  for digits = 15, 17 do
    local text = string.format("%." .. digits .. "g", number)
    if tonumber(text) == number then return text end
  end
end

-- Returns whether a table is a list, and its keys or its length. Refuses mixed tables and lists with holes.
local function shape(value, path)
  local names, positions, last = {}, 0, 0
  for key in pairs(value) do
    if math.type(key) == "integer" then
      positions = positions + 1
      if key > last then last = key end
    elseif type(key) ~= "string" then
      refuse(path, "has a key that is a " .. type(key))
    elseif not utf8.len(key) then
      refuse(path, "has a key that is not UTF-8")
    end
    names[#names + 1] = key
  end
  local list = getmetatable(value) == array_mt or value[1] ~= nil
  if positions > 0 and positions < #names then refuse(path, "mixes positions and names") end
  if not list then return false, names end
  if positions < #names then refuse(path, "is a list with names") end
  if positions ~= last then refuse(path, "is a list with holes: json.null holds a place") end
  return true, last
end

local encode

local function encode_table(value, path, above, write)
  if above[value] then refuse(path, "refers to itself") end
  if #path >= MAX_JSON_DEPTH then refuse(path, "is nested deeper than " .. MAX_JSON_DEPTH) end
  above[value] = true
  local depth = #path + 1
  local list, names = shape(value, path)
  if list then
    write("[")
    for i = 1, names do
      if i > 1 then write(",") end
      path[depth] = i
      encode(value[i], path, above, write)
    end
    write("]")
  else
    table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
    write("{")
    for i, name in ipairs(names) do
      if i > 1 then write(",") end
      write_string(tostring(name), write)
      write(":")
      path[depth] = name
      encode(value[name], path, above, write)
    end
    write("}")
  end
  path[depth] = nil
  above[value] = nil
end

function encode(value, path, above, write)
  local kind = type(value)
  if value == nil or value == json.null then
    write("null")
  elseif kind == "boolean" then
    write(tostring(value))
  elseif kind == "number" then
    write(number_text(value, path))
  elseif kind == "string" then
    if not utf8.len(value) then refuse(path, "is not UTF-8") end
    write_string(value, write)
  elseif kind == "table" then
    encode_table(value, path, above, write)
  else
    refuse(path, "is a " .. kind)
  end
end

-- Encodes a value. Throws a message that names the place in the value, which it calls `name`.
function json.encode(value, name)
  local parts = {}
  encode(value, { [0] = name or "value" }, {}, function(text) parts[#parts + 1] = text end)
  return table.concat(parts)
end
