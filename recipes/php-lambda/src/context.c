#include "context.h"

#include <ext/json/php_json.h>
#include <stdlib.h>
#include <sys/time.h>

#define MAX_JSON_DEPTH 512

/* The public properties, in the order of PROPERTIES. */
enum property {
	AWS_REQUEST_ID,
	INVOKED_FUNCTION_ARN,
	DEADLINE_MS,
	TRACE_ID,
	CLIENT_CONTEXT,
	IDENTITY,
	TENANT_ID,
	FUNCTION_NAME,
	FUNCTION_VERSION,
	MEMORY_LIMIT_IN_MB,
	LOG_GROUP_NAME,
	LOG_STREAM_NAME,
	PROPERTY_COUNT,
};

static const char *const PROPERTIES[PROPERTY_COUNT] = {
	"awsRequestId", "invokedFunctionArn", "deadlineMs", "traceId", "clientContext", "identity", "tenantId", "functionName",
	"functionVersion", "memoryLimitInMB", "logGroupName", "logStreamName",
};

/* What all invocations have in common: defaults, from the environment. */
static const char *const OF_THE_FUNCTION[PROPERTY_COUNT] = {
	[FUNCTION_NAME] = "AWS_LAMBDA_FUNCTION_NAME",
	[FUNCTION_VERSION] = "AWS_LAMBDA_FUNCTION_VERSION",
	[MEMORY_LIMIT_IN_MB] = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
	[LOG_GROUP_NAME] = "AWS_LAMBDA_LOG_GROUP_NAME",
	[LOG_STREAM_NAME] = "AWS_LAMBDA_LOG_STREAM_NAME",
};

static zend_class_entry *context_class;
static const struct invocation *current;
static const zval *current_object;

void context_set(const struct invocation *invocation)
{
	current = invocation;
}

void context_set_object(const zval *object)
{
	current_object = object;
}

/* Takes over the value. */
static void set(zval *object, enum property property, zval *value)
{
	zval *place = &Z_OBJ_P(object)->properties_table[property];
	zval old = *place;
	ZVAL_COPY_VALUE(place, value);
	zval_ptr_dtor(&old);
}

static void set_text(zval *object, enum property property, const char *text)
{
	zval value;
	ZVAL_STRING(&value, text);
	set(object, property, &value);
}

static void set_number(zval *object, enum property property, zend_long number)
{
	zval value;
	ZVAL_LONG(&value, number);
	set(object, property, &value);
}

/* Sets what a header has as JSON. What is no object or list leaves the property as it is. */
static void set_json(zval *object, enum property property, const char *json)
{
	zval value;
	ZVAL_NULL(&value);
	if (*json == '\0') {
		return;
	}
	php_json_decode_ex(&value, (php_text)json, strlen(json), PHP_JSON_OBJECT_AS_ARRAY, MAX_JSON_DEPTH);
	if (Z_TYPE(value) == IS_ARRAY) {
		set(object, property, &value);
	} else {
		zval_ptr_dtor(&value);
	}
}

static const char *variable(const char *name)
{
	const char *value = getenv(name);
	return value == NULL ? "" : value;
}

void context_create(zval *object, const struct invocation *invocation)
{
	object_init_ex(object, context_class);
	set_text(object, AWS_REQUEST_ID, invocation->id);
	set_text(object, INVOKED_FUNCTION_ARN, invocation->function_arn);
	set_number(object, DEADLINE_MS, (zend_long)invocation->deadline_ms);
	if (*invocation->trace_id != '\0') {
		set_text(object, TRACE_ID, invocation->trace_id);
	}
	if (*invocation->tenant_id != '\0') {
		set_text(object, TENANT_ID, invocation->tenant_id);
	}
	set_json(object, CLIENT_CONTEXT, invocation->client_context);
	set_json(object, IDENTITY, invocation->identity);
}

/* Returns the context of the current invocation; null while a worker script starts. */
static PHP_METHOD(Context, current)
{
	if (zend_parse_parameters_none() == FAILURE) {
		return;
	}
	if (current_object != NULL) {
		ZVAL_COPY(return_value, current_object);
	} else if (current != NULL) {
		context_create(return_value, current);
	}
}

/* Returns the milliseconds until Lambda stops the invocation; 0 after the deadline. */
static PHP_METHOD(Context, getRemainingTimeInMillis)
{
	struct timeval now;
	if (zend_parse_parameters_none() == FAILURE) {
		return;
	}
	gettimeofday(&now, NULL);
	zend_long deadline = zval_get_long(&Z_OBJ_P(this_object())->properties_table[DEADLINE_MS]);
	zend_long left = deadline - ((zend_long)now.tv_sec * 1000 + now.tv_usec / 1000);
	RETURN_LONG(left < 0 ? 0 : left);
}

static PHP_METHOD(Context, jsonSerialize)
{
	if (zend_parse_parameters_none() == FAILURE) {
		return;
	}
	RETURN_ARR(zend_array_dup(Z_OBJPROP_P(this_object())));
}

ZEND_BEGIN_ARG_WITH_RETURN_OBJ_INFO_EX(current_arguments, 0, 0, Layersmith\\Context, 1)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(remaining_time_arguments, 0, 0, IS_LONG, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(json_arguments, 0, 0, IS_ARRAY, 0)
ZEND_END_ARG_INFO()

static const zend_function_entry methods[] = {
	ZEND_ME(Context, current, current_arguments, ZEND_ACC_PUBLIC | ZEND_ACC_STATIC)
	ZEND_ME(Context, getRemainingTimeInMillis, remaining_time_arguments, ZEND_ACC_PUBLIC)
	ZEND_ME(Context, jsonSerialize, json_arguments, ZEND_ACC_PUBLIC)
	ZEND_FE_END
};

static PHP_MINIT_FUNCTION(context)
{
	zend_class_entry entry;
	(void)type;
	(void)module_number;
	INIT_CLASS_ENTRY(entry, "Layersmith\\Context", methods);
	context_class = zend_register_internal_class(&entry);
	context_class->ce_flags |= ZEND_ACC_FINAL;
	for (enum property property = 0; property < PROPERTY_COUNT; property++) {
		const char *name = PROPERTIES[property], *environment = OF_THE_FUNCTION[property];
		if (property == DEADLINE_MS || property == MEMORY_LIMIT_IN_MB) {
			zend_long number = environment == NULL ? 0 : (zend_long)strtoll(variable(environment), NULL, 10);
			zend_declare_property_long(context_class, name, strlen(name), number, ZEND_ACC_PUBLIC);
		} else if (environment != NULL || property == AWS_REQUEST_ID || property == INVOKED_FUNCTION_ARN) {
			zend_declare_property_string(context_class, name, strlen(name), environment == NULL ? "" : variable(environment), ZEND_ACC_PUBLIC);
		} else {
			zend_declare_property_null(context_class, name, strlen(name), ZEND_ACC_PUBLIC);
		}
	}
	zend_class_implements(context_class, 1, php_json_serializable_ce);
	return SUCCESS;
}

static const zend_module_dep dependencies[] = { ZEND_MOD_REQUIRED("json") ZEND_MOD_END };

static zend_module_entry context_module = {
	STANDARD_MODULE_HEADER_EX,
	NULL,
	dependencies,
	"layersmith",
	NULL,
	PHP_MINIT(context),
	NULL,
	NULL,
	NULL,
	NULL,
	PHP_VERSION,
	STANDARD_MODULE_PROPERTIES,
};

static int (*register_others)(void);

static int register_all(void)
{
	return register_others() == SUCCESS && zend_register_internal_module(&context_module) != NULL ? SUCCESS : FAILURE;
}

void context_register(const zend_function_entry *functions)
{
	context_module.functions = functions;
	register_others = php_register_internal_extensions_func;
	php_register_internal_extensions_func = register_all;
}
