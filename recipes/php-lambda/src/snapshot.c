#include "compat.h"
#include "snapshot.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "response.h"

bool snapshot_is_wanted(void)
{
	const char *type = getenv("AWS_LAMBDA_INITIALIZATION_TYPE");
	return type != NULL && strcmp(type, "snap-start") == 0;
}

void fail_to_restore(struct runtime_api *api, const char *reason)
{
	const char *type = "Runtime.RestoreFailed";
	log_line("%s: %s", type, reason);
	respond_with_restore_error(api, type, reason);
	_exit(1);
}

void snapshot_wait(struct runtime_api *api, struct slot *slot)
{
	if (!api_restore_next(api)) {
		_exit(1);
	}
	slot->work = WORK_RESTORED;
	/* The connection was another environment's. */
	api_reset(api);
	/* The kernel's generator is renewed by itself; these have states of their own, the same in every environment. */
	if (RAND_poll() != 1) {
		/* The supervisor need not say it once more. */
		slot->work = WORK_WAITING;
		fail_to_restore(api, "OpenSSL finds no new seed for its random numbers");
	}
	forget_seeds();
}
