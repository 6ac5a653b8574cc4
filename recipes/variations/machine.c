/*
 * Another machine: its kernel's release, its name, and the number of its processors. System and architecture stay: they
 * are what is compiled for.
 */
#define _GNU_SOURCE
#include "variations.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { PROCESSORS = 37 };

int uname(struct utsname *system) {
  static int (*real)(struct utsname *);
  FIND(real, "uname");
  int result = real(system);
  if (result != 0) return result;
  snprintf(system->nodename, sizeof system->nodename, "another-host");
  snprintf(system->release, sizeof system->release, "99.88.77-another");
  snprintf(system->version, sizeof system->version, "#66 SMP Another Kernel");
  return 0;
}

/* What `nproc`, OpenMP and most others ask. */
int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set) {
  (void)pid;
  CPU_ZERO_S(size, set);
  for (int processor = 0; processor < PROCESSORS; processor++) CPU_SET_S(processor, size, set);
  return 0;
}

int get_nprocs(void) { return PROCESSORS; }
int get_nprocs_conf(void) { return PROCESSORS; }

long sysconf(int name) {
  static long (*real)(int);
  if (name == _SC_NPROCESSORS_ONLN || name == _SC_NPROCESSORS_CONF) return PROCESSORS;
  FIND(real, "sysconf");
  return real(name);
}
