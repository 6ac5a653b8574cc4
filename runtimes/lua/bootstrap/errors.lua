local exit = os.exit
local stderr = io.stderr

-- The function may have closed stderr.
local function log_text(text)
  pcall(stderr.write, stderr, text)
end

local function log_line(message)
  local line = message:sub(1, MAX_MESSAGE_BYTES):gsub("%c", function(byte) return string.format("\\%03o", byte:byte()) end)
  log_text("bootstrap: " .. line .. "\n")
end

-- Creates an error report in the format of Lambda's runtimes.
local function report(kind, message, trace)
  if #message > MAX_MESSAGE_BYTES then message = message:sub(1, MAX_MESSAGE_BYTES) .. "…" end
  return { errorType = kind, errorMessage = json.clean(message), stackTrace = json.array(trace or {}) }
end

-- Returns an error type such as Function.OutOfStock, the only form that Lambda passes on.
local function error_type(name)
  if type(name) ~= "string" then return "Function.Error" end
  if name:find("^Function%.%u%a+$") or name:find("^Runtime%.%u%a+$") then return name end
  local letters = name:gsub("^.*%.", ""):gsub("%A", "")
  if #letters < 2 then return "Function.Error" end
  return "Function." .. letters:sub(1, 1):upper() .. letters:sub(2)
end

-- Returns the message of a thrown value. A table has errorMessage, message or __tostring.
local function message_of(thrown)
  if type(thrown) ~= "table" then return tostring(thrown) end
  local message = thrown.errorMessage or thrown.message
  if type(message) == "string" then return message end
  local meta = getmetatable(thrown)
  if type(meta) == "table" and meta.__tostring then return tostring(thrown) end
  return json.encode(thrown)
end

-- The message handler for xpcall: creates a report of the error and its place.
local function explain(thrown)
  local trace = {}
  for line in debug.traceback("", 2):gmatch("\n\t([^\n]+)") do
    if line == "[C]: in function 'xpcall'" then break end
    trace[#trace + 1] = json.clean(line)
  end
  local ok, message = pcall(message_of, thrown)
  if not ok then message = "an error object without a message: " .. type(thrown) end
  local typed, kind = pcall(function() return type(thrown) == "table" and thrown.errorType end)
  return report(error_type(typed and kind or nil), message, trace)
end

-- Returns the report in a result of xpcall. It is a string if the stack had no room left for explain.
local function report_of(failure)
  if type(failure) == "table" and failure.errorType then return failure end
  return report("Function.Error", tostring(failure))
end

-- Logs a report as one line, in the format of Lambda's own runtimes, whose fields CloudWatch recognizes.
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

-- Logs a refusal by the Runtime API, which is not repeated. Exits on a 5xx, after which Lambda starts a new process.
local function check_response(path, status, detail, body)
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
  check_response(path, call("POST", path, headers, body))
end

local function post_report(path, failure)
  local headers = "Content-Type: application/json\r\n" .. ERROR_TYPE_HEADER .. ": " .. failure.errorType .. "\r\n"
  post(path, headers, json.encode(failure))
end
