/* Variables of the environment. */
#ifndef LAYERSMITH_ENVIRONMENT_H
#define LAYERSMITH_ENVIRONMENT_H

/* Returns the value of a variable; `otherwise` if it is not set, or empty. */
const char *variable(const char *name, const char *otherwise);

/* Returns the folder of the function. */
const char *task_root(void);

/* Tells the trace of an invocation to X-Ray's libraries; "" for none. */
void set_trace_id(const char *id);

#endif
