# libpq with OpenSSL: the library alone, out of PostgreSQL's tree.
# shellcheck shell=bash

hide_symbols
options=(
  "${CONFIGURE_TARGET[@]}" --prefix="$PREFIX" --with-system-tzdata=/usr/share/zoneinfo
  --with-ssl=openssl --without-readline --without-zlib
)
./configure "${options[@]}"
make -C src/backend generated-headers
make -C src/port libpgport_shlib.a
make -C src/common libpgcommon_shlib.a
make -C src/interfaces/libpq libpq.a

# What libpq takes from the others goes into the same archive. Only pg_config asks for the flags that it was compiled with.
"$AR" d src/common/libpgcommon_shlib.a config_info_shlib.o
install -d "$DESTDIR$PREFIX"/{include/libpq,lib/pkgconfig}
"$AR" -M <<END
create $DESTDIR$PREFIX/lib/libpq.a
addlib src/interfaces/libpq/libpq.a
addlib src/common/libpgcommon_shlib.a
addlib src/port/libpgport_shlib.a
save
end
END
"$RANLIB" "$DESTDIR$PREFIX/lib/libpq.a"
install -m 644 src/interfaces/libpq/libpq-{fe,events}.h src/include/{postgres_ext,pg_config,pg_config_ext}.h "$DESTDIR$PREFIX/include/"
install -m 644 src/include/libpq/libpq-fs.h "$DESTDIR$PREFIX/include/libpq/"
cat >"$DESTDIR$PREFIX/lib/pkgconfig/libpq.pc" <<END
prefix=$PREFIX
libdir=\${prefix}/lib
includedir=\${prefix}/include

Name: libpq
Description: PostgreSQL libpq library
Version: $LAYERSMITH_VERSION
Requires.private: libssl libcrypto
Libs: -L\${libdir} -lpq
Libs.private: -lm
Cflags: -I\${includedir}
END
licence COPYRIGHT
