/*
 * PHP's class Layersmith\Context: what Lambda says about an invocation. It is in the module `layersmith`, which context_register()
 * adds to those that are compiled in.
 *
 * - context_set() says which invocation is current, for `Layersmith\Context::current()`: once an invocation has arrived, and with
 *   NULL once it has ended. No object is made before PHP code asks for one.
 * - context_create() makes an object, for a handler's second argument; context_set_object() makes it the current one.
 */
#ifndef LAYERSMITH_CONTEXT_H
#define LAYERSMITH_CONTEXT_H

#include "compat.h"

#include "runtime-api.h"

/* Called before PHP starts. `functions` are further functions of the module, or NULL. */
void context_register(const zend_function_entry *functions);

/* Sets the current invocation, which must live until the next call. NULL: there is none. */
void context_set(const struct invocation *invocation);

/* The same for an object that there is, which must live until the next call. NULL: there is none. */
void context_set_object(const zval *object);

/* Makes `object` a new object of an invocation. PHP must be in a request. */
void context_create(zval *object, const struct invocation *invocation);

#endif
