-- Gives and raises what the event says.
local count = 0

return function(event)
  count = count + 1
  local what = type(event) == "table" and event["do"] or ""
  if what == "string" then return "plain text, not JSON" end
  if what == "unicode" then return { text = "žluťoučký kůň 🐎" } end
  if what == "binary" then return "\0\1\255\254" end
  if what == "empty string" then return "" end
  if what == "nothing" then return nil end
  if what == "long" then return ("x"):rep(event.length) end
  if what == "bad utf-8" then return { a = "\255" } end
  if what == "function" then return { a = print } end
  if what == "throw" then error("it broke") end
  if what == "throw a table" then error({ code = 7 }) end
  if what == "print" then
    print("printed")
    io.stderr:write("to stderr\n")
    return "printed"
  end
  if what == "exit" then os.exit(3) end
  if what == "sleep" then while true do end end
  return { count = count, event = event }
end
