# libxslt and libexslt: the libraries alone. libxml2 is not in them: they use the one of the program that they are linked into.
# shellcheck shell=bash

hide_symbols
options=(
  "${CONFIGURE_TARGET[@]}" --prefix="$PREFIX" --disable-shared --enable-static --disable-dependency-tracking
  # EXSLT's crypto functions want libgcrypt, and plug-ins are shared libraries that only xsltproc would load.
  --without-crypto --without-plugins --without-python --without-debug --without-debugger --without-profiler
)
./configure "${options[@]}"
make -C libxslt
make -C libexslt
make -C libxslt install
make -C libexslt install
make install-pkgconfigDATA install-binSCRIPTS
licence Copyright
