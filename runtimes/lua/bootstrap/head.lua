-- The output of a handler goes to the log: stdout and stderr contain nothing else.

local socket = require("socket.core")

io.stdout:setvbuf("line")
