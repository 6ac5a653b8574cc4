-- What a handler prints goes to the log: stdout and stderr carry nothing else.

local socket = require("socket.core")

io.stdout:setvbuf("line")
