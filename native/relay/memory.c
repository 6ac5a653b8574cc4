#define _GNU_SOURCE
#include "memory.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Minimum interval between two reads of all processes, for kernels that keep no peak. */
enum { LOOK_MS = 20 };

/* Reads the number in a small file, after `name` or at the start. Returns 0 if there is none. */
static uint64_t number_in(int fd, const char *name) {
  char text[4096];
  ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
  if (n <= 0) return 0;
  text[n] = '\0';
  const char *at = name == NULL ? text : strstr(text, name);
  return at == NULL ? 0 : strtoull(at + (name == NULL ? 0 : strlen(name)), NULL, 10);
}

static uint64_t number_in_file(const char *path, const char *name) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  uint64_t number = number_in(fd, name);
  if (fd >= 0) close(fd);
  return number;
}

/* Adds up the peaks of all living processes. Used before kernel 5.19, where cgroup version 2 keeps no peak. */
static uint64_t sum_of_peaks(void) {
  static long last;
  uint64_t sum = 0;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  long now_ms = now.tv_sec * 1000 + now.tv_nsec / 1000000;
  if (now_ms - last < LOOK_MS) return 0;
  DIR *processes = opendir("/proc");
  if (processes == NULL) return 0;
  for (struct dirent *entry; (entry = readdir(processes)) != NULL;) {
    char path[64];
    if (!isdigit((unsigned char)entry->d_name[0]) || strlen(entry->d_name) > 20) continue;
    snprintf(path, sizeof path, "/proc/%.20s/status", entry->d_name);
    sum += number_in_file(path, "VmHWM:") * 1024;
  }
  closedir(processes);
  last = now_ms;
  return sum;
}

uint64_t oom_kills(void) {
  return number_in_file("/sys/fs/cgroup/memory.events", "oom_kill ") +
         number_in_file("/sys/fs/cgroup/memory/memory.oom_control", "oom_kill ");
}

uint64_t peak_memory(void) {
  static int opened, file;
  static uint64_t peak;
  if (!opened) {
    file = open("/sys/fs/cgroup/memory.peak", O_RDONLY | O_CLOEXEC);
    if (file < 0) file = open("/sys/fs/cgroup/memory/memory.max_usage_in_bytes", O_RDONLY | O_CLOEXEC);
    opened = 1;
  }
  uint64_t now = file >= 0 ? number_in(file, NULL) : sum_of_peaks();
  if (now > peak) peak = now;
  return peak;
}
