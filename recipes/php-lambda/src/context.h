/*
 * PHP's class Layersmith\Context: what Lambda says about an invocation. It is in the module `layersmith`, with which PHP is
 * started: start_modules(&sapi, &context_module).
 *
 * - context_set() says which invocation is current, for `Layersmith\Context::current()`: once an invocation has arrived, and with
 *   NULL once it has ended. No object is made before PHP code asks for one.
 * - context_create() makes an object, for a handler's second argument; context_set_object() makes it the current one.
 */
#ifndef LAYERSMITH_CONTEXT_H
#define LAYERSMITH_CONTEXT_H

#include "compat.h"

#include "runtime-api.h"

extern zend_module_entry context_module;

/* Sets the current invocation, which must live until the next call. NULL: there is none. */
void context_set(const struct invocation *invocation);

/* The same for an object that there is, which must live until the next call. NULL: there is none. */
void context_set_object(const zval *object);

/* Makes `object` a new object of an invocation. PHP must be in a request. */
void context_create(zval *object, const struct invocation *invocation);

#endif
