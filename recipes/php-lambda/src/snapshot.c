#include "compat.h"
#include "snapshot.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

bool snapshot_is_wanted(void)
{
	const char *type = getenv("AWS_LAMBDA_INITIALIZATION_TYPE");
	return type != NULL && strcmp(type, "snap-start") == 0;
}

void snapshot_wait(struct runtime_api *api)
{
	if (!api_restore_next(api)) {
		_exit(1);
	}
	/* The connection was another environment's. */
	api_reset(api);
	/* The kernel's generator is renewed by itself; these have states of their own, the same in every environment. */
	RAND_poll();
	forget_seeds();
}
