/** What the Lua bootstrap says of an error: to the log, and to the Runtime API. */
export const ERRORS = String.raw`local LONGEST_MESSAGE = 32768
local exit = os.exit
local stderr = io.stderr

-- A function may have closed it.
local function log_text(text)
  pcall(stderr.write, stderr, text)
end

local function log_line(message)
  local line = message:sub(1, LONGEST_MESSAGE):gsub("%c", function(byte) return string.format("\\%03o", byte:byte()) end)
  log_text("bootstrap: " .. line .. "\n")
end

-- As Lambda wants it.
local function report(kind, message, trace)
  if #message > LONGEST_MESSAGE then message = message:sub(1, LONGEST_MESSAGE) .. "…" end
  return { errorType = kind, errorMessage = json.clean(message), stackTrace = json.array(trace or {}) }
end

-- Function.OutOfStock: Lambda lets no other form through.
local function error_type(name)
  if type(name) ~= "string" then return "Function.Error" end
  if name:find("^Function%.%u%a+$") or name:find("^Runtime%.%u%a+$") then return name end
  local letters = name:gsub("^.*%.", ""):gsub("%A", "")
  if #letters < 2 then return "Function.Error" end
  return "Function." .. letters:sub(1, 1):upper() .. letters:sub(2)
end

-- A thrown table says what it is with errorType and errorMessage (or message), or with __tostring.
local function message_of(thrown)
  if type(thrown) ~= "table" then return tostring(thrown) end
  local message = thrown.errorMessage or thrown.message
  if type(message) == "string" then return message end
  local meta = getmetatable(thrown)
  if type(meta) == "table" and meta.__tostring then return tostring(thrown) end
  return json.encode(thrown)
end

-- For xpcall: what was thrown, and from where.
local function explain(thrown)
  local trace = {}
  for line in debug.traceback("", 2):gmatch("\n\t([^\n]+)") do
    if line == "[C]: in function 'xpcall'" then break end
    trace[#trace + 1] = json.clean(line)
  end
  local told, message = pcall(message_of, thrown)
  if not told then message = "an error object that cannot be told: " .. type(thrown) end
  local typed, kind = pcall(function() return type(thrown) == "table" and thrown.errorType end)
  return report(error_type(typed and kind or nil), message, trace)
end

-- What xpcall gives: what explain made, or a string when there was no room left on the stack for it.
local function report_of(failure)
  if type(failure) == "table" and failure.errorType then return failure end
  return report("Function.Error", tostring(failure))
end

-- One line, in the form that Lambda's own runtimes use, so that CloudWatch knows its fields.
local function log_report(id, failure)
  local time = os.date("!%Y-%m-%dT%H:%M:%SZ")
  log_text(time .. "\t" .. id .. "\tERROR\tInvoke Error\t" .. json.encode(failure) .. "\n")
end

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(bytes)
  local encoded = bytes:gsub("..?.?", function(three)
    local a, b, c = three:byte(1, 3)
    local bits, letters = (a << 16) | ((b or 0) << 8) | (c or 0), ""
    for i = 0, #three do
      local at = ((bits >> (18 - 6 * i)) & 63) + 1
      letters = letters .. ALPHABET:sub(at, at)
    end
    return letters .. ("="):rep(3 - #three)
  end)
  return encoded
end

-- What the API said to a report or an answer. One that is refused is not repeated; an API that is broken ends us.
local function heed(path, status, detail, body)
  if not status then
    log_line(path .. ": " .. detail.reason)
    return
  end
  if status >= 300 then
    log_line("the Runtime API refused " .. path .. " with " .. status .. ": " .. body:sub(1, 500))
  end
  if status >= 500 then exit(1) end
end

local function post(path, headers, body)
  heed(path, call("POST", path, headers, body))
end

local function post_report(path, failure)
  local headers = "Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: " .. failure.errorType .. "\r\n"
  post(path, headers, json.encode(failure))
end
`;
