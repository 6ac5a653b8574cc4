/* Worker mode: a script that starts once and handles requests in a loop, with the function of FrankenPHP. */
#ifndef LAYERSMITH_WORKER_H
#define LAYERSMITH_WORKER_H

#include "compat.h"

/* Called before the script starts, the first time and again. */
void worker_start(void);

/* Has the script asked for a request since it started? */
bool worker_has_waited(void);

/*
 * Waits for a request and calls back with its superglobals. Returns false if the script is to end, after as many requests as
 * the settings say; it is started again.
 */
bool worker_handle_request(zend_fcall_info *callback, zend_fcall_info_cache *cache);

#endif
