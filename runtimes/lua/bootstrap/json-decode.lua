-- Decodes JSON strictly (RFC 8259, UTF-8).
function json.decode(text)
  local at = 1
  local value

  local function fail(what)
    error("JSON: " .. what .. " at byte " .. at, 0)
  end

  local function skip_space()
    at = text:find("[^ \t\r\n]", at) or #text + 1
  end

  local function code_unit(from)
    local digits = text:match("^%x%x%x%x", from)
    if not digits then fail("\\u without four digits") end
    return tonumber(digits, 16)
  end

  -- Decodes a \u escape from its u. Returns the character and the position after it.
  local function unicode(from)
    local unit = code_unit(from + 1)
    local behind = from + 5
    if unit < 0xD800 or unit > 0xDFFF then return utf8.char(unit), behind end
    if unit < 0xDC00 and text:sub(behind, behind + 1) == "\\u" then
      local low = code_unit(behind + 2)
      if low >= 0xDC00 and low <= 0xDFFF then
        return utf8.char(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)), behind + 6
      end
    end
    return "\u{FFFD}", behind
  end

  local function string_value()
    local parts, from = {}, at + 1
    while true do
      local stop = text:find('["\\%c]', from)
      if not stop then fail("a string without an end") end
      parts[#parts + 1] = text:sub(from, stop - 1)
      local byte = text:sub(stop, stop)
      if byte == '"' then
        at = stop + 1
        return #parts == 1 and parts[1] or table.concat(parts)
      elseif byte == "\\" then
        local kind = text:sub(stop + 1, stop + 1)
        if kind == "u" then
          parts[#parts + 1], from = unicode(stop + 1)
        else
          parts[#parts + 1] = escapes[kind] or fail("an unknown escape")
          from = stop + 2
        end
      elseif byte == "\127" then
        parts[#parts + 1], from = byte, stop + 1
      else
        fail("a control character in a string")
      end
    end
  end

  local function number_value()
    local digits = text:match("^-?%d+", at)
    if not digits or digits:find("^-?0%d") then fail("not a value") end
    local rest = at + #digits
    local fraction = text:match("^%.%d+", rest) or ""
    local exponent = text:match("^[eE][+-]?%d+", rest + #fraction) or ""
    at = rest + #fraction + #exponent
    local number = tonumber(digits .. fraction .. exponent)
    if number == math.huge or number == -math.huge then fail("a number out of range") end
    return number
  end

  local function object_value(depth)
    local object = {}
    at = at + 1
    skip_space()
    if text:sub(at, at) == "}" then
      at = at + 1
      return object
    end
    while true do
      skip_space()
      if text:sub(at, at) ~= '"' then fail("a name is missing") end
      local name = string_value()
      skip_space()
      if text:sub(at, at) ~= ":" then fail("a colon is missing") end
      at = at + 1
      object[name] = value(depth)
      skip_space()
      local byte = text:sub(at, at)
      at = at + 1
      if byte == "}" then return object end
      if byte ~= "," then at = at - 1; fail("a comma or } is missing") end
    end
  end

  local function array_value(depth)
    local array = json.array({})
    at = at + 1
    skip_space()
    if text:sub(at, at) == "]" then
      at = at + 1
      return array
    end
    while true do
      array[#array + 1] = value(depth)
      skip_space()
      local byte = text:sub(at, at)
      at = at + 1
      if byte == "]" then return array end
      if byte ~= "," then at = at - 1; fail("a comma or ] is missing") end
    end
  end

  local words = { ["true"] = true, ["false"] = false, null = json.null }

  function value(depth)
    if depth > MAX_JSON_DEPTH then fail("nested deeper than " .. MAX_JSON_DEPTH) end
    skip_space()
    local byte = text:sub(at, at)
    if byte == '"' then return string_value() end
    if byte == "{" then return object_value(depth + 1) end
    if byte == "[" then return array_value(depth + 1) end
    local word = text:match("^%a+", at)
    if word then
      if words[word] == nil then fail("not a value") end
      at = at + #word
      return words[word]
    end
    return number_value()
  end

  local _, bad = utf8.len(text)
  if bad then
    at = bad
    fail("not UTF-8")
  end
  local result = value(0)
  skip_space()
  if at <= #text then fail("something after the value") end
  return result
end
