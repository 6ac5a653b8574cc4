/* Lines for CloudWatch, on stderr. */
#ifndef LAYERSMITH_LOG_H
#define LAYERSMITH_LOG_H

#include <stddef.h>

/* From now on writes to a copy of stderr: a script may close that, and its number would be another file's. */
void log_to_own_file(void);

void log_bytes(const char *text, size_t length);

/* Writes a line of the runtime's own. */
__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);

/*
 * Writes a line about an invocation, in the format of Lambda's own runtimes: time, request id, level, text. Line breaks within
 * the text become \r, which CloudWatch shows as line breaks of one event.
 */
__attribute__((format(printf, 3, 4))) void log_invocation(const char *id, const char *level, const char *format, ...);

#endif
