return function()
  print("printed by a handler: belongs to the log")
  error("this handler fails on purpose", 0)
end
