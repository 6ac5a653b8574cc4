#include "environment.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME "_X_AMZN_TRACE_ID"

const char *variable(const char *name, const char *otherwise)
{
	const char *value = getenv(name);
	return value == NULL || *value == '\0' ? otherwise : value;
}

const char *task_root(void)
{
	return variable("LAMBDA_TASK_ROOT", "/var/task");
}

/* setenv() would keep a copy of every value, for ever. This one is changed where it is. */
void set_trace_id(const char *id)
{
	static char variable[512] = NAME "=";
	char *value = variable + sizeof NAME;
	bool is_set = snprintf(value, sizeof variable - sizeof NAME, "%s", id) < (int)(sizeof variable - sizeof NAME) && *id != '\0';
	if (!is_set) {
		unsetenv(NAME);
	} else if (getenv(NAME) != value) {
		putenv(variable);
	}
}
