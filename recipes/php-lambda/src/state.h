/* What a function may change of its process: it is saved when the function is loaded, as frameworks install their handlers then. */
#ifndef LAYERSMITH_STATE_H
#define LAYERSMITH_STATE_H

/* Sends all output to the log, instead of standard output. */
void state_open_output(void);

/* Limits PHP's memory to the function's, unless memory_limit is set: PHP says where it was exceeded, the kernel would only kill. */
void state_limit_memory(void);

void state_save(void);

/* Before an invocation: max_execution_time begins, and the variables tell its trace. "" for none. */
void state_begin(const char *trace_id);

/* Closes the output buffers that were left open. What goes wrong in them is logged. */
void state_flush_output(void);

/* After an invocation: all is as it was saved. */
void state_restore(void);

#endif
