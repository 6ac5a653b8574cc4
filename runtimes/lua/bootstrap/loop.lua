local handler
-- The current invocation: its id, and its streamed response once it has started.
local running

-- Lua cannot set an environment variable, so os.getenv is replaced to return the trace ID of the invocation.
local trace_id
local getenv = os.getenv
os.getenv = function(name)
  if name == "_X_AMZN_TRACE_ID" then return trace_id end
  return getenv(name)
end

local function decoded(text)
  local ok, value = pcall(json.decode, text or "")
  return ok and value or nil
end

local function context_of(headers)
  local deadline = math.tointeger(tonumber(headers[DEADLINE_HEADER])) or 0
  trace_id = headers[TRACE_ID_HEADER]
  return {
    aws_request_id = headers[REQUEST_ID_HEADER],
    invoked_function_arn = headers[FUNCTION_ARN_HEADER],
    deadline_ms = deadline,
    trace_id = trace_id,
    client_context = decoded(headers[CLIENT_CONTEXT_HEADER]),
    identity = decoded(headers[COGNITO_IDENTITY_HEADER]),
    tenant_id = headers[TENANT_ID_HEADER],
    function_name = getenv("AWS_LAMBDA_FUNCTION_NAME"),
    function_version = getenv("AWS_LAMBDA_FUNCTION_VERSION"),
    memory_limit_in_mb = tonumber(getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")),
    log_group_name = getenv("AWS_LAMBDA_LOG_GROUP_NAME"),
    log_stream_name = getenv("AWS_LAMBDA_LOG_STREAM_NAME"),
    get_remaining_time_in_millis = function() return math.max(0, deadline - math.floor(socket.gettime() * 1000)) end,
  }
end

-- Restores settings that a handler may have changed. Some locales write numbers with commas.
local stdin, stdout = io.stdin, io.stdout
local function restore()
  debug.sethook()
  os.setlocale("C")
  pcall(io.input, stdin)
  pcall(io.output, stdout)
  pcall(stdout.flush, stdout)
end

local function finish_stream(path, failure)
  local trailers = ""
  if failure then
    trailers = ERROR_TYPE_HEADER .. ": " .. failure.errorType .. "\r\n"
      .. ERROR_BODY_HEADER .. ": " .. base64(json.encode(failure)) .. "\r\n"
  end
  check_response(path, end_chunks(trailers))
end

local function fail(failure)
  local id, stream = running.id, running.stream
  running = nil
  log_report(id, failure)
  if stream and stream.lost then return end
  if stream then
    finish_stream(stream.path, failure)
  else
    post_report("invocation/" .. id .. "/error", failure)
  end
end

os.exit = function()
  pcall(stdout.flush, stdout)
  if running then
    fail(report("Function.Exit", "os.exit() was called: a function returns its result instead"))
  elseif not handler then
    fail_init("Runtime.ImportModuleError", "os.exit() was called while the handler was loaded")
  end
  exit(1)
end

-- Sends a chunk of a streamed response. If the connection is lost, the rest of the response is dropped.
local function stream_chunk(stream, bytes)
  local ok, detail = true, nil
  if not running.stream then
    running.stream = stream
    ok, detail = begin_chunks(stream.path, "Content-Type: application/octet-stream\r\n"
      .. RESPONSE_MODE_HEADER .. ": streaming\r\n"
      .. "Trailer: " .. ERROR_TYPE_HEADER .. ", " .. ERROR_BODY_HEADER .. "\r\n")
  end
  if ok and bytes ~= "" and not stream.lost then ok, detail = send_chunk(bytes) end
  if not ok then
    stream.lost = true
    log_line(stream.path .. ": " .. detail.reason)
  end
end

-- Sends the strings of an iterator as they are produced.
local function send_stream(iterator)
  local stream = { path = "invocation/" .. running.id .. "/response", lost = false }
  while true do
    local ok, bytes = xpcall(iterator, explain)
    if not ok then return fail(report_of(bytes)) end
    if bytes == nil then break end
    if type(bytes) ~= "string" then
      return fail(report("Runtime.MarshalError", "the stream yielded a " .. type(bytes) .. ": it must yield strings"))
    end
    if bytes ~= "" then stream_chunk(stream, bytes) end
  end
  restore()
  stream_chunk(stream, "")
  running = nil
  if not stream.lost then finish_stream(stream.path) end
end

local function invoke(headers, body)
  local ok, event = pcall(json.decode, body)
  if not ok then return fail(report("Runtime.UnmarshalError", "the event is not JSON: " .. tostring(event))) end
  local result
  ok, result = xpcall(handler, explain, event, context_of(headers))
  if not ok then return fail(report_of(result)) end
  if type(result) == "function" then return send_stream(result) end
  restore()
  local kind = "application/octet-stream"
  if type(result) ~= "string" then
    ok, result = pcall(json.encode, result, "result")
    if not ok then return fail(report("Runtime.MarshalError", tostring(result))) end
    kind = "application/json"
  end
  local path = "invocation/" .. running.id .. "/response"
  running = nil
  post(path, "Content-Type: " .. kind .. "\r\n", result)
end

-- Waits for the next event and returns its headers and body. Repeats the request after an invalid response.
local function next_event()
  local refused, unreachable = 0, 0
  while true do
    local status, headers, body = call("GET", "invocation/next")
    if not status then
      local lost = headers
      if lost.kind == "unreachable" then
        unreachable = unreachable + 1
        if unreachable > 20 then
          log_line(lost.reason)
          exit(1)
        end
        socket.sleep(0.1)
      else
        log_line("invocation/next: " .. lost.reason)
      end
    else
      local id = headers[REQUEST_ID_HEADER]
      if status == 200 and id and id:find("^[%w_.-]+$") then return headers, body end
      log_line("the Runtime API answered " .. status .. " instead of an event: " .. body:sub(1, 500))
      if status >= 400 then refused = refused + 1 end
      if status >= 500 or refused > 10 then exit(1) end
    end
  end
end

handler = load_handler()
while true do
  local headers, body = next_event()
  running = { id = headers[REQUEST_ID_HEADER] }
  invoke(headers, body)
  restore()
end
