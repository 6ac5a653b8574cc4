/* Makes `require "socket.core"` find the copy that is linked into this executable. */
#include "lua.h"
#include "lauxlib.h"
#include "lualib.h"
#include "luasocket.h"

/* The linker's --wrap=luaL_openlibs sends lua.c's call here and names the original with __real_. */
void __real_luaL_openlibs(lua_State *L);
void __wrap_luaL_openlibs(lua_State *L);

void __wrap_luaL_openlibs(lua_State *L) {
  __real_luaL_openlibs(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_socket_core);
  lua_setfield(L, -2, "socket.core");
  lua_pop(L, 1);
}
