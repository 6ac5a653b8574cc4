# shellcheck shell=bash
# Lua and LuaSocket's socket.core in one executable that needs nothing but glibc. Sourced by stage.sh in
# Lua's tree; LuaSocket lies in ../luasocket.

socket_sources=(auxiliar buffer compat except inet io luasocket options select tcp timeout udp usocket)

# Modules come from the layer and, after it, from the function's own folder. The symbols of Lua stay
# exported, so that a further layer can bring modules in C.
modules='-DLUA_PATH_DEFAULT="/opt/share/lua/5.4/?.lua;/opt/share/lua/5.4/?/init.lua;./?.lua;./?/init.lua"'
c_modules='-DLUA_CPATH_DEFAULT="/opt/lib/lua/5.4/?.so;./?.so"'
make -C src liblua.a lua.o CC="$CC" AR="$AR rcu" RANLIB="$RANLIB" MYCFLAGS="$CFLAGS -DLUA_USE_LINUX '$modules' '$c_modules'"

socket_objects=()
for name in "${socket_sources[@]}"; do
  # shellcheck disable=SC2086 # flags are words
  "$CC" $CFLAGS -Isrc -DLUASOCKET_NODEBUG -DLUASOCKET_API= -fvisibility=hidden \
    -c "../luasocket/src/$name.c" -o "../luasocket/$name.o"
  socket_objects+=("../luasocket/$name.o")
done
# shellcheck disable=SC2086
"$CC" $CFLAGS -Isrc -I../luasocket/src -c /build/recipe/preload.c -o preload.o

install -d "$DESTDIR/opt/bin"
# shellcheck disable=SC2086
"$CC" $CFLAGS $LDFLAGS -pie -Wl,-E,-z,relro,-z,now,--wrap=luaL_openlibs -o "$DESTDIR/opt/bin/lua" \
  src/lua.o preload.o "${socket_objects[@]}" src/liblua.a -lm -ldl

# Lua's licence is the comment that closes lua.h.
sed -n '/^\* Copyright (C)/,/^\*\{10,\}/s/^\* \{0,1\}//p' src/lua.h | sed '/^\*/,$d' >lua.LICENSE
grep -q 'WITHOUT WARRANTY OF ANY KIND' lua.LICENSE
cp ../luasocket/LICENSE luasocket.LICENSE
licence lua.LICENSE luasocket.LICENSE
