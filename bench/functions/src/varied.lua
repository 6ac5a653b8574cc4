-- Answers with what it got, in another form; fails when it is told to.
return function(event)
  if event.fail then error("asked to fail") end
  return { n = event.n, length = #event.pad, pad = event.pad:reverse() }
end
