-- An HTTP/1.1 client that keeps one connection open. It waits without limit for the first byte of a response, because the
-- next event may arrive hours later, and READ_TIMEOUT_SECONDS for each further byte.

local MAX_LINE_BYTES = 8192
local WRITE_TIMEOUT_SECONDS = 60
local BLOCK_BYTES = 65536

local address = assert(os.getenv("AWS_LAMBDA_RUNTIME_API"), "AWS_LAMBDA_RUNTIME_API is not set")
local host, port = address:match("^(.-):?(%d*)$")
port = tonumber(port) or 80

local connection
local buffer = "" -- received bytes that were not parsed yet

-- The metatable of connection errors.
local ConnectionLost = {}

-- Kinds: "unreachable": nothing listens at the address; "unanswered": no byte of a response arrived, so the request may be sent
-- again; "invalid": the response timed out, was cut off or is not valid HTTP.
local function lose(kind, reason) error(setmetatable({ kind = kind, reason = reason }, ConnectionLost), 0) end
local function invalid(why) lose("invalid", "invalid response from the Runtime API: " .. why) end

local function disconnect()
  if connection then connection:close() end
  connection, buffer = nil, ""
end

-- Calls the function and returns its results. After a connection error, closes the connection and returns false and the error.
local function attempt(work, ...)
  local results = table.pack(pcall(work, ...))
  if results[1] then return table.unpack(results, 2, results.n) end
  disconnect()
  if getmetatable(results[2]) ~= ConnectionLost then error(results[2], 0) end
  return false, results[2]
end

local function connect()
  if connection then return end
  local tcp, reason = socket.tcp()
  if tcp then
    tcp:settimeout(10)
    local ok
    ok, reason = tcp:connect(host, port)
    if ok then
      tcp:setoption("tcp-nodelay", true)
      connection = tcp
      return
    end
    tcp:close()
  end
  lose("unreachable", "no connection to the Runtime API at " .. address .. ": " .. tostring(reason))
end

local function send(bytes)
  if not connection then lose("unanswered", "the Runtime API closed the connection") end
  connection:settimeout(WRITE_TIMEOUT_SECONDS)
  for from = 1, #bytes, BLOCK_BYTES do
    local sent, reason = connection:send(bytes, from, math.min(from + BLOCK_BYTES - 1, #bytes))
    if not sent then lose("unanswered", "the Runtime API did not accept the request: " .. reason) end
  end
end

-- Reads at least one byte, without a time limit if started is false. Returns nil at the end if may_end is true.
local function receive(started, may_end)
  connection:settimeout(started and READ_TIMEOUT_SECONDS or nil)
  local first, reason = connection:receive(1)
  if not first then
    if reason == "timeout" then invalid("timed out in the middle of it") end
    if may_end then return nil end
    lose(started and "invalid" or "unanswered", "the Runtime API closed the connection")
  end
  connection:settimeout(0)
  local more, _, part = connection:receive(BLOCK_BYTES)
  return first .. (more or part or "")
end

-- Reads that many bytes, first from the buffer.
local function read_bytes(count)
  if #buffer < count then
    local parts, have = { buffer }, #buffer
    while have < count do
      local part = receive(true)
      parts[#parts + 1], have = part, have + #part
    end
    buffer = table.concat(parts)
  end
  local bytes = buffer:sub(1, count)
  buffer = buffer:sub(count + 1)
  return bytes
end

local function read_line()
  local stop = buffer:find("\n", 1, true)
  while not stop do
    if #buffer > MAX_LINE_BYTES then invalid("a line is too long") end
    buffer = buffer .. receive(true)
    stop = buffer:find("\n", 1, true)
  end
  return (read_bytes(stop):gsub("\r?\n$", ""))
end

local function read_head()
  local from = 1
  local stop = nil
  while not stop do
    -- A peer that does not speak HTTP may never send the empty line that ends a head.
    if #buffer > 7 and buffer:sub(1, 7) ~= "HTTP/1." then break end
    stop = buffer:find("\r\n\r\n", from, true)
    if not stop then
      if #buffer > MAX_HEAD_BYTES then invalid("its head is too large") end
      from = math.max(1, #buffer - 2)
      buffer = buffer .. receive(buffer ~= "")
    end
  end
  local head = stop and buffer:sub(1, stop - 1) or buffer
  local status = stop and head:match("^HTTP/1%.%d ([1-5]%d%d)%f[%D]")
  if not status or head:find("\0", 1, true) then invalid("it begins with " .. head:sub(1, 40)) end
  buffer = buffer:sub(stop + 4)
  local headers = {}
  for name, value in head:gmatch("\n([^:\r\n]+):[ \t]*([^\r\n]*)") do
    headers[name:lower()] = value:match("^(.-)[ \t]*$")
  end
  return tonumber(status), headers
end

local function read_chunks()
  local chunks, total = {}, 0
  while true do
    local line = read_line()
    local digits = line:match("^%x+") or ""
    if digits == "" or #digits > 7 then invalid("the size of a chunk is " .. line:sub(1, 40)) end
    local size = tonumber(digits, 16)
    if size == 0 then break end
    total = total + size
    if total > MAX_BODY_BYTES then invalid("its body is too large") end
    chunks[#chunks + 1] = read_bytes(size)
    if read_line() ~= "" then invalid("a chunk is longer than its size") end
  end
  local count = 0
  while read_line() ~= "" do
    count = count + 1
    if count > 1000 then invalid("too many trailers") end
  end
  return table.concat(chunks)
end

local function read_rest()
  local parts, total = { buffer }, #buffer
  buffer = ""
  while total <= MAX_BODY_BYTES do
    local part = receive(true, true)
    if not part then
      disconnect()
      return table.concat(parts)
    end
    parts[#parts + 1], total = part, total + #part
  end
  invalid("its body is too large")
end

local function read_body(status, headers)
  if status == 204 or status == 304 then return "" end
  if (headers["transfer-encoding"] or ""):lower():find("chunked", 1, true) then return read_chunks() end
  local length = headers["content-length"]
  if not length then return read_rest() end
  local size = length:find("^%d+$") and #length < 10 and tonumber(length)
  if not size or size > MAX_BODY_BYTES then invalid("its length is " .. length:sub(1, 40)) end
  return read_bytes(size)
end

local function read_response()
  local status, headers
  repeat status, headers = read_head() until status >= 200
  local body = read_body(status, headers)
  -- Bytes after the response would be mistaken for the start of the next one.
  if buffer ~= "" or (headers.connection or ""):lower():find("close", 1, true) then disconnect() end
  return status, headers, body
end

local function head_of(method, path, headers)
  return method .. " " .. RUNTIME_API_PATH .. path .. " HTTP/1.1\r\nHost: " .. address .. "\r\n" .. headers
end

local function exchange(head, body)
  connect()
  if #body <= BLOCK_BYTES then
    send(head .. body)
  else
    send(head)
    send(body)
  end
  return read_response()
end

-- Sends a request. Returns status, headers by lower-case name, and body; or false and the connection error. Reconnects
-- once if the API closed the idle connection.
local function call(method, path, headers, body)
  local head = head_of(method, path, headers or "")
  if body then head = head .. "Content-Length: " .. #body .. "\r\n" end
  local fresh = connection == nil
  local status, detail, response = attempt(exchange, head .. "\r\n", body or "")
  if not status and not fresh and detail.kind == "unanswered" then
    return attempt(exchange, head .. "\r\n", body or "")
  end
  return status, detail, response
end

-- Starts a request whose body is sent with send_chunk and completed with end_chunks. These return true, or false and the
-- connection error.
local function begin_chunks(path, headers)
  return attempt(function()
    connect()
    send(head_of("POST", path, headers .. "Transfer-Encoding: chunked\r\n") .. "\r\n")
    return true
  end)
end

local function send_chunk(bytes)
  return attempt(function()
    send(string.format("%x\r\n", #bytes) .. bytes .. "\r\n")
    return true
  end)
end

-- Ends the request. Returns the same as call.
local function end_chunks(trailers)
  return attempt(function()
    send("0\r\n" .. trailers .. "\r\n")
    return read_response()
  end)
end
