-- Returns the event's data in another form; fails if the event says so.
return function(event)
  if event.fail then error("asked to fail") end
  return { n = event.n, length = #event.pad, pad = event.pad:reverse() }
end
