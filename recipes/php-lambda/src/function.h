/*
 * Function mode: PHP's command line runs the bootstrap, a script that calls `serve()`. It has functions of a module of its own, in
 * the namespace Layersmith\Bootstrap:
 *
 *   serve(string $find, string $load): void
 *     Serves invocations until the process ends. `$find` is the name of a function that gets the task root and returns the handler,
 *     a Closure. `$load` is the name of one that loads the functions which only some invocations need:
 *       failure(Throwable $error, bool $atInit): array{string, string}   type and JSON of the report of an exception
 *       refusal(string $type, string $message): array{string, string}    the same of an event that is wrong
 *       ending(?array $error, bool $atInit): array{string, string}       the same when the process ends
 *       encode_fault(mixed $result): void                                throws what says why a result is no JSON
 *       send_stream(object $result): void                                passes a streamed result to the next two functions
 *   open_stream(string $contentType, string $prelude): void
 *   write_stream(string $bytes): void
 *     Begins a streamed answer with its first bytes, and sends bytes at once.
 */
#ifndef LAYERSMITH_FUNCTION_H
#define LAYERSMITH_FUNCTION_H

#include "runtime-api.h"

/*
 * Lets PHP have the module, before it starts: with these functions, which use `api`, or with `api` NULL for its classes alone. PHP 7 keeps
 * compiled code apart by the modules that there are, so all ways to start have it.
 */
void function_register(struct runtime_api *api);

#endif
