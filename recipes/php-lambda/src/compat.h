/* What differs between PHP 7.3 and 8.5, in one place: everything else here is the same for every line. */
#ifndef LAYERSMITH_COMPAT_H
#define LAYERSMITH_COMPAT_H

#include <stdbool.h>

#include <php.h>

#include <SAPI.h>
#include <ext/standard/basic_functions.h>
#if PHP_VERSION_ID >= 80200
#include <ext/random/php_random.h>
#endif
#include <php_main.h>
#include <zend_exceptions.h>
#include <zend_interfaces.h>

/* php_module_startup() took the number of modules, too. */
#if PHP_VERSION_ID >= 80200
#define start_modules(sapi) php_module_startup(sapi, NULL)
#else
#define start_modules(sapi) php_module_startup(sapi, NULL, 0)
#endif

/* The object whose method is called. */
#if PHP_VERSION_ID >= 70400
#define this_object() ZEND_THIS
#else
#define this_object() getThis()
#endif

/* Texts from PHP became constant. */
#if PHP_VERSION_ID >= 80000
typedef const char *php_text;
#else
typedef char *php_text;
#endif

/* The flag that makes PHP call zend_interrupt_function became atomic. */
#if PHP_VERSION_ID >= 80200
#define interrupt_php() zend_atomic_bool_store_ex(&EG(vm_interrupt), true)
#else
#define interrupt_php() (EG(vm_interrupt) = 1)
#endif

/* exit() became an exception, of which user code knows nothing. */
#if PHP_VERSION_ID >= 80000
#define is_exit(exception) zend_is_unwind_exit(exception)
#else
#define is_exit(exception) false
#endif

/* What gives an exception to the function of set_exception_handler() has another name in 7.3. */
#if PHP_VERSION_ID >= 70400
#define call_exception_handler() zend_user_exception_handler()
#else
#define call_exception_handler() zend_try_exception_handler()
#endif

/* Makes PHP seed its generators of random numbers anew. */
static inline void forget_seeds(void)
{
#if PHP_VERSION_ID >= 80200
	RANDOM_G(combined_lcg_seeded) = false;
	RANDOM_G(mt19937_seeded) = false;
#else
	/* The one of lcg_value() is out of reach there. */
	BG(mt_rand_is_seeded) = 0;
#endif
}

/* Ends what PHP does, as a fatal error does. PHP's own macro would keep the path of the source. */
#define end_php() _zend_bailout((php_text)"", 0)

/* The script of a request. */
static inline void open_script(zend_file_handle *handle, const char *path)
{
#if PHP_VERSION_ID >= 70400
	zend_stream_init_filename(handle, path);
#else
	memset(handle, 0, sizeof *handle);
	handle->type = ZEND_HANDLE_FILENAME;
	handle->filename = path;
#endif
#if PHP_VERSION_ID >= 80100
	handle->primary_script = 1;
#endif
}

static inline void close_script(zend_file_handle *handle)
{
#if PHP_VERSION_ID >= 80100
	zend_destroy_file_handle(handle);
#else
	(void)handle;
#endif
}

#endif
