/*
 * The entry of bin/php: PHP's command line, and with `--lambda` or `--lambda=MODE` as its first argument the program that serves
 * Lambda. The layer's bootstrap starts it so (`#!/opt/bin/php --lambda`), with its own path as the second argument. LAYERSMITH_MODE
 * has the function's own mode.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "compiled-code.h"
#include "environment.h"
#include "function.h"
#include "server.h"
#include "supervisor.h"

#define MAX_WORKERS 256
#define FLAG "--lambda"

/* PHP's own main(). */
int php_cli_main(int argc, char **argv);

/* Returns a number from 0 on, or fails to start. */
static long number(struct runtime_api *api, const char *name, long otherwise)
{
	const char *text = variable(name, NULL);
	char *end;
	if (text == NULL) {
		return otherwise;
	}
	long value = strtol(text, &end, 10);
	if (*end != '\0' || value < 0) {
		fail_to_start(api, "Runtime.InvalidSetting", "%s is '%s': set it to a number", name, text);
	}
	return value;
}

static bool is_below(const char *path)
{
	if (*path == '/') {
		return false;
	}
	for (const char *at = path; *at != '\0'; at += strcspn(at, "/"), at += *at == '/') {
		if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0')) {
			return false;
		}
	}
	return true;
}

/* Finds the script that _HANDLER names. */
static void find_script(struct runtime_api *api, struct settings *settings)
{
	const char *root = task_root();
	const char *handler = variable("_HANDLER", "");
	struct arena arena = { 0 };
	struct stat info;
	if (*handler == '\0' || !is_below(handler)) {
		fail_to_start(api, "Runtime.HandlerNotFound", "handler '%s': name the script that takes all requests, such as public/index.php, below %s",
			handler, root);
	}
	char *script = arena_format(&arena, "%s/%s", root, handler);
	if (stat(script, &info) != 0 || !S_ISREG(info.st_mode)) {
		fail_to_start(api, "Runtime.HandlerNotFound", "handler %s: there is no file %s", handler, script);
	}
	char *slash = strrchr(script, '/');
	settings->script = script;
	settings->script_name = arena_format(&arena, "%s", slash);
	settings->document_root = arena_text(&arena, script, (size_t)(slash - script));
}

/* Web mode has opcache's shared memory beside the files. */
static const char *ini_for(enum compiled_code code)
{
	switch (code) {
	case CODE_USED:
		return "opcache.file_cache_only=0\n";
	case CODE_UNUSABLE:
		return "opcache.file_cache_only=0\nopcache.file_cache=\n";
	default:
		return NULL;
	}
}

static void serve(const char *mode)
{
	static struct settings settings;
	/* A peer that closes a socket which PHP writes to is an error there, as in PHP's own programs, and not the end of the process. */
	signal(SIGPIPE, SIG_IGN);
	const char *address = variable("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001");
	struct runtime_api *api = api_create(address);
	const char *response = variable("LAYERSMITH_RESPONSE", "buffered");
	settings.is_worker = strcmp(mode, "worker") == 0;
	settings.streamed = strcmp(response, "streamed") == 0;
	if (!settings.streamed && strcmp(response, "buffered") != 0) {
		fail_to_start(api, "Runtime.InvalidSetting", "LAYERSMITH_RESPONSE is '%s': set it to buffered or streamed", response);
	}
	settings.event_handler = variable("LAYERSMITH_EVENT_HANDLER", NULL);
	settings.max_requests = number(api, "LAYERSMITH_MAX_REQUESTS", 0);
	long workers = number(api, "AWS_LAMBDA_MAX_CONCURRENCY", 1);
	find_script(api, &settings);
	function_register(NULL);
	settings.ini = ini_for(compiled_code_link(task_root()));
	if (!server_start(&settings)) {
		fail_to_start(api, "Runtime.ExitError", "PHP cannot start; its messages are in the log");
	}
	supervise(api, workers < 1 ? 1 : workers > MAX_WORKERS ? MAX_WORKERS : (int)workers);
}

int main(int argc, char **argv)
{
	size_t length = strlen(FLAG);
	if (argc < 3 || strncmp(argv[1], FLAG, length) != 0 || (argv[1][length] != '\0' && argv[1][length] != '=')) {
		function_register(NULL);
		return php_cli_main(argc, argv);
	}
	const char *mode = variable("LAYERSMITH_MODE", argv[1][length] == '=' ? argv[1] + length + 1 : "function");
	if (strcmp(mode, "web") == 0 || strcmp(mode, "worker") == 0) {
		serve(mode);
	}
	/* The other modes are scripts of the command line: the bootstrap itself is the script, which reads the variable. */
	setenv("LAYERSMITH_MODE", mode, 1);
	function_register(api_create(variable("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")));
	if (compiled_code_link(task_root()) == CODE_UNUSABLE) {
		/* opcache would fill a cache of its own. */
		char *without_opcache[] = { argv[0], (char *)"-d", (char *)"opcache.enable=0", argv[2], NULL };
		return php_cli_main(4, without_opcache);
	}
	argv[1] = argv[0];
	return php_cli_main(argc - 1, argv + 1);
}
