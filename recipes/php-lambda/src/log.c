#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "memory.h"

static int output = STDERR_FILENO;

void log_to_own_file(void)
{
	int copy = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	output = copy < 0 ? STDERR_FILENO : copy;
}

void log_bytes(const char *text, size_t length)
{
	/* One write for one line: those of several processes do not mix. */
	for (size_t done = 0; done < length;) {
		ssize_t written = write(output, text + done, length - done);
		if (written < 0 && errno == EINTR) {
			continue;
		}
		if (written <= 0) {
			return;
		}
		done += (size_t)written;
	}
}

static void write_line(const char *prefix, const char *format, va_list arguments)
{
	char *text = NULL, *line = NULL;
	if (vasprintf(&text, format, arguments) < 0) {
		return;
	}
	size_t length = strlen(text);
	while (length > 0 && text[length - 1] == '\n') {
		length--;
	}
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\n') {
			text[i] = '\r';
		}
	}
	int whole = asprintf(&line, "%s%.*s\n", prefix, (int)length, text);
	if (whole >= 0) {
		log_bytes(line, (size_t)whole);
		free(line);
	}
	free(text);
}

void log_line(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	write_line("bootstrap: ", format, arguments);
	va_end(arguments);
}

void log_invocation(const char *id, const char *level, const char *format, ...)
{
	char prefix[256], time_text[32];
	struct timespec now;
	struct tm parts;
	va_list arguments;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	strftime(time_text, sizeof time_text, "%Y-%m-%dT%H:%M:%SZ", &parts);
	snprintf(prefix, sizeof prefix, "%s\t%s\t%s\t", time_text, id, level);
	va_start(arguments, format);
	write_line(prefix, format, arguments);
	va_end(arguments);
}
