/*
 * The handler of events that are not HTTP requests: a second process, which runs the layer's bootstrap in function mode. This
 * process is its Runtime API, and passes events and answers on.
 */
#ifndef LAYERSMITH_EVENT_HANDLER_H
#define LAYERSMITH_EVENT_HANDLER_H

#include "runtime-api.h"

/* Answers an invocation with what the handler of that name answers. Its process starts with the first one, and stays. */
void event_handler_invoke(struct runtime_api *api, const struct invocation *invocation, const char *handler);

#endif
