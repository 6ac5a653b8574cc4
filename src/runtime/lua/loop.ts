/** From event to answer, for as long as the process of the Lua bootstrap lives. */
export const LOOP = String.raw`local handler
-- The invocation under way: its id, and its streamed answer once that has begun.
local running

-- Lua cannot set an environment variable, but it can answer for one.
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
  local deadline = math.tointeger(tonumber(headers["lambda-runtime-deadline-ms"])) or 0
  trace_id = headers["lambda-runtime-trace-id"]
  return {
    aws_request_id = headers["lambda-runtime-aws-request-id"],
    invoked_function_arn = headers["lambda-runtime-invoked-function-arn"],
    deadline_ms = deadline,
    trace_id = trace_id,
    client_context = decoded(headers["lambda-runtime-client-context"]),
    identity = decoded(headers["lambda-runtime-cognito-identity"]),
    tenant_id = headers["lambda-runtime-aws-tenant-id"],
    function_name = getenv("AWS_LAMBDA_FUNCTION_NAME"),
    function_version = getenv("AWS_LAMBDA_FUNCTION_VERSION"),
    memory_limit_in_mb = tonumber(getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")),
    log_group_name = getenv("AWS_LAMBDA_LOG_GROUP_NAME"),
    log_stream_name = getenv("AWS_LAMBDA_LOG_STREAM_NAME"),
    get_remaining_time_in_millis = function() return math.max(0, deadline - math.floor(socket.gettime() * 1000)) end,
  }
end

-- Puts back what a handler may have changed. The locale is C: numbers would be written with commas in others.
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
    trailers = "Lambda-Runtime-Function-Error-Type: " .. failure.errorType .. "\r\n"
      .. "Lambda-Runtime-Function-Error-Body: " .. base64(json.encode(failure)) .. "\r\n"
  end
  heed(path, end_chunks(trailers))
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
    fail(report("Function.Exit", "os.exit() was called: a function returns its answer instead"))
  elseif not handler then
    fail_init("Runtime.ImportModuleError", "os.exit() was called while the handler was loaded")
  end
  exit(1)
end

-- Sends a chunk of a streamed answer. When the connection is lost the rest of the answer is dropped.
local function stream_chunk(stream, bytes)
  local ok, detail = true, nil
  if not running.stream then
    running.stream = stream
    ok, detail = begin_chunks(stream.path, "Content-Type: application/octet-stream\r\n"
      .. "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
      .. "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n")
  end
  if ok and bytes ~= "" and not stream.lost then ok, detail = send_chunk(bytes) end
  if not ok then
    stream.lost = true
    log_line(stream.path .. ": " .. detail.reason)
  end
end

-- An iterator's strings, one by one, as they come.
local function stream(iterator)
  local stream = { path = "invocation/" .. running.id .. "/response", lost = false }
  while true do
    local ok, bytes = xpcall(iterator, explain)
    if not ok then return fail(report_of(bytes)) end
    if bytes == nil then break end
    if type(bytes) ~= "string" then
      return fail(report("Runtime.MarshalError", "the stream gave a " .. type(bytes) .. ": it must give strings"))
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
  if type(result) == "function" then return stream(result) end
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

-- The next event's headers and body. Answers that cannot be read are asked for again.
local function next_event()
  local refused, alone = 0, 0
  while true do
    local status, headers, body = call("GET", "invocation/next")
    if not status then
      local lost = headers
      if lost.kind == "nobody" then
        alone = alone + 1
        if alone > 20 then
          log_line(lost.reason)
          exit(1)
        end
        socket.sleep(0.1)
      else
        log_line("invocation/next: " .. lost.reason)
      end
    else
      local id = headers["lambda-runtime-aws-request-id"]
      if status == 200 and id and id:find("^[%w_.-]+$") then return headers, body end
      log_line("the Runtime API gave no event but " .. status .. ": " .. body:sub(1, 500))
      if status >= 400 then refused = refused + 1 end
      if status >= 500 or refused > 10 then exit(1) end
    end
  end
end

handler = load_handler()
while true do
  local headers, body = next_event()
  running = { id = headers["lambda-runtime-aws-request-id"] }
  invoke(headers, body)
  restore()
end
`;
