std = "lua54"
max_line_length = 140
-- The bootstrap replaces these for the function.
globals = { "os.getenv", "os.exit" }
