return function(event)
  return "Hello, " .. event.name .. "!"
end
