/** The Lua bootstrap's client of the Runtime API: HTTP/1.1 over one raw connection that is kept open. */
export const RUNTIME_API = String.raw`-- An event may take hours to come; what has begun to come may not.

local BIGGEST_HEAD, BIGGEST_BODY, LONGEST_LINE = 1 << 20, 64 << 20, 8192
-- Seconds of silence in the middle of an answer, and of a peer that takes nothing.
local PATIENCE, PATIENCE_SENDING = 5, 60
local PIECE = 65536

local address = assert(os.getenv("AWS_LAMBDA_RUNTIME_API"), "AWS_LAMBDA_RUNTIME_API is not set")
local host, port = address:match("^(.-):?(%d*)$")
port = tonumber(port) or 80

local connection
local buffer = "" -- received and not read yet

-- The connection ended, cannot be made, or what came over it is not HTTP.
local Lost = {}

-- "nobody": nothing listens; "unanswered": not a byte came, so that it may be asked again; "garbage".
local function lose(kind, reason) error(setmetatable({ kind = kind, reason = reason }, Lost), 0) end
local function garbage(why) lose("garbage", "the Runtime API gave no answer that can be read: " .. why) end

local function disconnect()
  if connection then connection:close() end
  connection, buffer = nil, ""
end

-- The results of the function, or false and what was lost; then there is no connection any more.
local function attempt(work, ...)
  local results = table.pack(pcall(work, ...))
  if results[1] then return table.unpack(results, 2, results.n) end
  disconnect()
  if getmetatable(results[2]) ~= Lost then error(results[2], 0) end
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
  lose("nobody", "no connection to the Runtime API at " .. address .. ": " .. tostring(reason))
end

local function send(bytes)
  if not connection then lose("unanswered", "the Runtime API closed the connection") end
  connection:settimeout(PATIENCE_SENDING)
  for from = 1, #bytes, PIECE do
    local sent, reason = connection:send(bytes, from, math.min(from + PIECE - 1, #bytes))
    if not sent then lose("unanswered", "the Runtime API took no request: " .. reason) end
  end
end

-- What comes next. Waits for the first byte of an answer as long as it takes; nil at the end, where that is allowed.
local function receive(begun, may_end)
  connection:settimeout(begun and PATIENCE or nil)
  local first, reason = connection:receive(1)
  if not first then
    if reason == "timeout" then garbage("it fell silent in the middle of it") end
    if may_end then return nil end
    lose(begun and "garbage" or "unanswered", "the Runtime API closed the connection")
  end
  connection:settimeout(0)
  local more, _, part = connection:receive(PIECE)
  return first .. (more or part or "")
end

-- So many bytes, out of the buffer and what is still to come.
local function take(count)
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
    if #buffer > LONGEST_LINE then garbage("a line of it does not end") end
    buffer = buffer .. receive(true)
    stop = buffer:find("\n", 1, true)
  end
  return (take(stop):gsub("\r?\n$", ""))
end

local function read_head()
  local from = 1
  local stop = nil
  while not stop do
    -- The rest of a head that is none would be waited for in vain.
    if #buffer > 7 and buffer:sub(1, 7) ~= "HTTP/1." then break end
    stop = buffer:find("\r\n\r\n", from, true)
    if not stop then
      if #buffer > BIGGEST_HEAD then garbage("its head is too big") end
      from = math.max(1, #buffer - 2)
      buffer = buffer .. receive(buffer ~= "")
    end
  end
  local head = stop and buffer:sub(1, stop - 1) or buffer
  local status = stop and head:match("^HTTP/1%.%d ([1-5]%d%d)%f[%D]")
  if not status or head:find("\0", 1, true) then garbage("it begins with " .. head:sub(1, 40)) end
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
    if digits == "" or #digits > 7 then garbage("the size of a chunk is " .. line:sub(1, 40)) end
    local size = tonumber(digits, 16)
    if size == 0 then break end
    total = total + size
    if total > BIGGEST_BODY then garbage("its body is too big") end
    chunks[#chunks + 1] = take(size)
    if read_line() ~= "" then garbage("a chunk is longer than its size") end
  end
  local count = 0
  while read_line() ~= "" do
    count = count + 1
    if count > 1000 then garbage("its trailers do not end") end
  end
  return table.concat(chunks)
end

local function read_rest()
  local parts, total = { buffer }, #buffer
  buffer = ""
  while total <= BIGGEST_BODY do
    local part = receive(true, true)
    if not part then
      disconnect()
      return table.concat(parts)
    end
    parts[#parts + 1], total = part, total + #part
  end
  garbage("its body is too big")
end

local function read_body(status, headers)
  if status == 204 or status == 304 then return "" end
  if (headers["transfer-encoding"] or ""):lower():find("chunked", 1, true) then return read_chunks() end
  local length = headers["content-length"]
  if not length then return read_rest() end
  local size = length:find("^%d+$") and #length < 10 and tonumber(length)
  if not size or size > BIGGEST_BODY then garbage("its length is " .. length:sub(1, 40)) end
  return take(size)
end

local function read_answer()
  local status, headers
  repeat status, headers = read_head() until status >= 200
  local body = read_body(status, headers)
  -- Bytes that nobody asked for: what would come next could not be told from them.
  if buffer ~= "" or (headers.connection or ""):lower():find("close", 1, true) then disconnect() end
  return status, headers, body
end

local function head_of(method, path, headers)
  return method .. " /2018-06-01/runtime/" .. path .. " HTTP/1.1\r\nHost: " .. address .. "\r\n" .. headers
end

local function exchange(head, body)
  connect()
  if #body <= PIECE then
    send(head .. body)
  else
    send(head)
    send(body)
  end
  return read_answer()
end

-- One request: status, headers by lower-case name, and body; or false and what was lost. A connection that the
-- API closed since the last one is opened again, once.
local function call(method, path, headers, body)
  local head = head_of(method, path, headers or "")
  if body then head = head .. "Content-Length: " .. #body .. "\r\n" end
  local fresh = connection == nil
  local status, detail, answer = attempt(exchange, head .. "\r\n", body or "")
  if not status and not fresh and detail.kind == "unanswered" then
    return attempt(exchange, head .. "\r\n", body or "")
  end
  return status, detail, answer
end

-- A request whose body follows in chunks, and ends with trailers. Each gives true, or false and what was lost.
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

-- As call.
local function end_chunks(trailers)
  return attempt(function()
    send("0\r\n" .. trailers .. "\r\n")
    return read_answer()
  end)
end
`;
