#include "call.h"

#include <string.h>

bool has_function(const char *name)
{
	return zend_hash_str_exists(EG(function_table), name, strlen(name));
}

bool call_function(const char *name, zval *result, uint32_t count, zval *arguments)
{
	zend_fcall_info call = { .size = sizeof call, .retval = result, .params = arguments, .param_count = count };
	zend_fcall_info_cache cache = { .function_handler = zend_hash_str_find_ptr(EG(function_table), name, strlen(name)) };
	ZVAL_NULL(result);
	if (cache.function_handler == NULL || zend_call_function(&call, &cache) != SUCCESS || EG(exception) != NULL) {
		/* What zend_call_function() leaves for an exception is no value. */
		ZVAL_NULL(result);
		return false;
	}
	return true;
}

bool take_exception(zval *exception)
{
	if (EG(exception) == NULL || is_exit(EG(exception))) {
		return false;
	}
	ZVAL_OBJ(exception, EG(exception));
	Z_ADDREF_P(exception);
	zend_clear_exception();
	return true;
}

zend_string *exception_message(zval *exception)
{
	zval name, message;
	ZVAL_STRING(&name, "getMessage");
	ZVAL_NULL(&message);
	call_user_function(EG(function_table), exception, &name, &message, 0, NULL);
	zval_ptr_dtor(&name);
	return Z_TYPE(message) == IS_STRING ? Z_STR(message) : ZSTR_EMPTY_ALLOC();
}

void change_setting(const char *name, const char *value)
{
	zend_string *key = zend_string_init(name, strlen(name), 0);
	zend_alter_ini_entry_chars(key, value, strlen(value), PHP_INI_USER, PHP_INI_STAGE_RUNTIME);
	zend_string_release(key);
}

void exit_script(int status)
{
	EG(exit_status) = status;
#if PHP_VERSION_ID >= 80000
	if (EG(exception) == NULL) {
		zend_throw_unwind_exit();
	}
#else
	end_php();
#endif
}
