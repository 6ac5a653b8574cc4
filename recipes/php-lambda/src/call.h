/* Calls of PHP's functions. What they throw is in EG(exception) afterwards. */
#ifndef LAYERSMITH_CALL_H
#define LAYERSMITH_CALL_H

#include "compat.h"

/* Names of functions are in lower case. */
bool has_function(const char *name);

/* Returns whether it has a result. Without one, as there is no such function or it throws, the result is null. The caller frees it. */
bool call_function(const char *name, zval *result, uint32_t count, zval *arguments);

/* Takes away the exception that there is; the caller frees it. Returns false if there is none, or that of exit(), which stays. */
bool take_exception(zval *exception);

/* The caller releases it. */
zend_string *exception_message(zval *exception);

/* Changes a setting as ini_set() does. */
void change_setting(const char *name, const char *value);

/* Ends the script as exit() does. The caller returns. */
void exit_script(int status);

#endif
