# bin/php-fpm: linked from the same archive as bin/php.
# shellcheck shell=bash
# shellcheck source=recipes/php/program.sh
source /build/recipe/program.sh

# What FPM's config.m4 would find. Without systemd, ACLs, AppArmor and SELinux.
flags=(
  -DHAVE_EPOLL=1 -DHAVE_SELECT=1 -DHAVE_CLEARENV=1 -DHAVE_TIMES=1 -DHAVE_BUILTIN_ATOMIC=1 -DHAVE_CLOCK_GETTIME=1
  -DHAVE_LQ_TCP_INFO=1 -DHAVE_PTRACE=1 '-DPROC_MEM_FILE="mem"' -DZEND_ENABLE_STATIC_TSRMLS_CACHE=1 -D_GNU_SOURCE
  '-DPHP_FPM_USER="nobody"' '-DPHP_FPM_GROUP="nobody"' '-DPHP_FPM_SYSCONFDIR="/opt/etc"' '-DPHP_FPM_LOCALSTATEDIR="/tmp"'
  -fmacro-prefix-map="$PWD/="
)
sources=()
for source in main/fastcgi.c sapi/fpm/fpm/*.c sapi/fpm/fpm/events/*.c; do
  case $source in */fpm_systemd.c | */fpm_trace_mach.c | */fpm_trace_pread.c) continue ;; esac
  sources+=("$source")
done
compile_objects "${flags[@]}" -Isapi/fpm -Isapi/fpm/fpm -Imain -- "${sources[@]}"

# As php-lambda links bin/php, but without the command line.
cp "$PREFIX/lib/libphp.a" ../libfpm.a
"$AR" t ../libfpm.a | grep '^php_cli.*[.]o$' | xargs "$AR" d ../libfpm.a
link_program ../php-fpm ../libfpm.a "${objects[@]}"
install -D -m 755 ../php-fpm "$DESTDIR$PREFIX/bin/php-fpm"
licence LICENSE
