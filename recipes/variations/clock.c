/*
 * Another time: every clock that tells the date is ahead by a time in which year, month, day, weekday, hour, minute and
 * second change. Ahead, not behind: files that are made during the build keep the kernel's time, and make would take
 * them for ones of the future. Clocks that only measure (CLOCK_MONOTONIC) are as they were.
 */
#define _GNU_SOURCE
#include "variations.h"

#include <sys/time.h>
#include <time.h>

static const time_t AHEAD_SECONDS = (time_t)513 * 24 * 60 * 60 + 7 * 60 * 60 + 23 * 60 + 11;

int clock_gettime(clockid_t clock, struct timespec *now) {
  static int (*real)(clockid_t, struct timespec *);
  FIND(real, "clock_gettime");
  int result = real(clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI))
    now->tv_sec += AHEAD_SECONDS;
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  static int (*real)(struct timeval *, void *);
  FIND(real, "gettimeofday");
  int result = real(now, zone);
  if (result == 0) now->tv_sec += AHEAD_SECONDS;
  return result;
}

time_t time(time_t *where) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (where != NULL) *where = now.tv_sec;
  return now.tv_sec;
}

int timespec_get(struct timespec *now, int base) {
  if (base != TIME_UTC) return 0;
  clock_gettime(CLOCK_REALTIME, now);
  return base;
}
