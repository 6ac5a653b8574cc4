-- A server and its client, in one program, over loopback.
local socket = require("socket.core")

local server = assert(socket.tcp())
assert(server:bind("127.0.0.1", 0))
assert(server:listen(1))
local _, port = server:getsockname()

local client = assert(socket.tcp())
assert(client:connect("127.0.0.1", port))
local peer = assert(server:accept())

assert(client:send("ping\n") == 5)
assert(peer:receive("*l") == "ping")
assert(peer:send("pong") == 4)
peer:close()
assert(client:receive("*a") == "pong")
print("ok")
