local function fail_init(kind, message, trace)
  local failure = report(kind, message, trace)
  log_report("init", failure)
  post_report("init/error", failure)
  exit(1)
end

-- Returns the files below the task root that the name may mean, and the function in them.
local function candidates(name)
  local folder, base = name:match("^(.-)([^/]*)$")
  local file, method = base:match("^(.*)%.([^.]*)$")
  if not file then return { "src/" .. name .. ".lua", name .. ".lua" }, base end
  if method == "lua" then return { name, "src/" .. name }, file end
  return { folder .. file .. ".lua", "src/" .. folder .. file .. ".lua" }, method
end

local ENOENT, ENOTDIR = 2, 20

local function find_file(name, root, files)
  local looked = {}
  for i, file in ipairs(files) do
    looked[i] = root .. "/" .. file
    local opened, reason, number = io.open(looked[i], "r")
    if opened then
      opened:close()
      return looked[i]
    end
    if number ~= ENOENT and number ~= ENOTDIR then
      fail_init("Runtime.ImportModuleError", "handler " .. name .. ": " .. reason)
    end
  end
  fail_init("Runtime.ImportModuleError", "handler " .. name .. ": there is no file " .. table.concat(looked, " nor "))
end

local function is_callable(value)
  if type(value) == "function" then return true end
  local meta = type(value) == "table" and getmetatable(value)
  return type(meta) == "table" and type(meta.__call) == "function"
end

local function load_handler()
  local root = os.getenv("LAMBDA_TASK_ROOT") or TASK_ROOT
  local name = os.getenv("_HANDLER") or ""
  if name == "" then fail_init("Runtime.HandlerNotFound", "_HANDLER is not set: name a handler of the function") end
  if name:sub(1, 1) == "/" or ("/" .. name .. "/"):find("/../", 1, true) then
    fail_init("Runtime.HandlerNotFound", "handler " .. name .. ": it must lie below " .. root)
  end
  local modules = {}
  for _, folder in ipairs({ root .. "/src", root, LAYER_ROOT .. "/lua" }) do
    modules[#modules + 1] = folder .. "/?.lua;" .. folder .. "/?/init.lua"
  end
  package.path = table.concat(modules, ";") .. ";" .. package.path

  local files, method = candidates(name)
  local path = find_file(name, root, files)
  local chunk, reason = loadfile(path)
  if not chunk then fail_init("Runtime.UserCodeSyntaxError", "handler " .. name .. ": " .. reason) end
  -- Lua's own functions are not handlers: src/next.lua must define its own `next`.
  local before = _G[method]
  local ok, result = xpcall(chunk, explain)
  if not ok then
    local failure = report_of(result)
    fail_init("Runtime.ImportModuleError", "handler " .. name .. ": " .. failure.errorMessage, failure.stackTrace)
  end
  if is_callable(result) then return result end
  if type(result) == "table" and is_callable(result[method]) then return result[method] end
  if _G[method] ~= before and is_callable(_G[method]) then return _G[method] end
  fail_init(
    "Runtime.HandlerNotFound",
    "handler " .. name .. ": " .. path .. " neither returns a function, nor a table with the function " .. method
      .. ", nor defines the global function " .. method
  )
end
