#!/bin/sh
# Makes sure that a Docker engine answers on the usual socket of a Debian or Ubuntu machine: installs
# Debian's docker.io when dockerd is missing, and starts it, with or without systemd. Safe to run twice,
# and twice at once. `layersmith doctor --fix` runs it when no engine answers. You can also run it yourself.
set -eu

socket=/var/run/docker.sock
log=/var/log/dockerd.log
lock=/run/layersmith-engine.lock

say() { printf 'start-engine: %s\n' "$*" >&2; }
fail() {
  say "$*"
  exit 69
}
answers() {
  [ -S "$socket" ] && command -v docker >/dev/null &&
    timeout 5 docker --host "unix://$socket" version --format '{{.Server.Version}}' >/dev/null 2>&1
}

if answers; then
  say "an engine answers at $socket already"
  exit 0
fi

# shellcheck source=/dev/null
[ -r /etc/os-release ] && . /etc/os-release
case " ${ID:-} ${ID_LIKE:-} " in
  *" debian "* | *" ubuntu "*) ;;
  *) fail "this machine is neither Debian nor Ubuntu: install Docker Engine (or Podman with its Docker-compatible socket) and start it" ;;
esac
[ "$(id -u)" -eq 0 ] ||
  fail "only root can install and start an engine: run 'sudo sh scripts/start-engine.sh', or set DOCKER_HOST to one that runs"

exec 9>"$lock"
flock 9
if answers; then
  say "an engine answers at $socket"
  exit 0
fi

if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null || ! command -v iptables >/dev/null; then
  say "installing docker.io and iptables with apt-get"
  export DEBIAN_FRONTEND=noninteractive
  # apt-get update fails if any repository does not answer, even if Debian's did. The installation below
  # shows whether the packages were available.
  apt-get update -qq >&2 9>&- || say "apt-get update had errors; going on"
  # An interrupted earlier installation would make this one fail.
  dpkg --configure -a >&2 9>&- || say "dpkg --configure -a had errors; going on"
  # Since Debian 13 the docker command is in a separate package.
  client=
  if apt-cache show docker-cli >/dev/null 2>&1; then client=docker-cli; fi
  # shellcheck disable=SC2086 # one package, or none
  apt-get install -y -qq --no-install-recommends docker.io iptables $client >&2 9>&- ||
    fail "apt-get could not install docker.io and iptables: see its output above"
fi

wait_for_answer() {
  tries=120
  while [ "$tries" -gt 0 ]; do
    if answers; then return 0; fi
    sleep 0.5
    tries=$((tries - 1))
  done
  return 1
}

if [ -d /run/systemd/system ]; then
  say "starting docker with systemd"
  systemctl enable --now docker >&2 || fail "systemd could not start docker: see 'journalctl -u docker'"
  wait_for_answer || fail "docker was started but does not answer at $socket within 60 s: see 'journalctl -u docker'"
else
  # A killed daemon leaves its pid file. If another process has that pid now, dockerd does not start.
  pidfile=/var/run/docker.pid
  if [ -f "$pidfile" ] && [ "$(cat "/proc/$(cat "$pidfile")/comm" 2>/dev/null)" != dockerd ]; then
    rm -f "$pidfile"
  fi
  say "starting dockerd (log: $log)"
  # containerd leaves a file `oom` in its working directory.
  cd /
  setsid nohup dockerd >>"$log" 2>&1 </dev/null 9>&- &
  wait_for_answer || fail "dockerd was started but does not answer at $socket within 60 s: see $log"
fi
say "an engine answers at $socket"
