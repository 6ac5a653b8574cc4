/* Variables of the environment. */
#ifndef LAYERSMITH_ENVIRONMENT_H
#define LAYERSMITH_ENVIRONMENT_H

/* Tells the trace of an invocation to X-Ray's libraries; "" for none. */
void set_trace_id(const char *id);

#endif
