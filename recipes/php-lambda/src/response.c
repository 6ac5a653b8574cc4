#include "response.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yyjson.h>

#include "http.h"
#include "log.h"
#include "text.h"

#define CONTENT_TYPE_LINE "Content-Type: application/json\r\n"
#define HTTP_STREAM_LINES "Content-Type: application/vnd.awslambda.http-integration-response\r\n" STREAM_LINES
/* Between the headers and the body of a streamed answer. */
static const char END_OF_HEADERS[8] = { 0 };
/* Lambda's limit of a buffered answer: 6 MB, and 100 bytes. */
#define MAX_BUFFERED (6u * 1024 * 1024 + 100)
#define CHUNK_SIZE (64u * 1024)

struct answer_header {
	const char *name;
	const char *value;
};

struct response {
	struct runtime_api *api;
	struct slot *slot;
	struct arena arena;
	bool is_streamed;
	bool is_begun; /* A part is sent. */
	bool is_finished;
	bool keeps_length;
	int status;
	struct answer_header *headers;
	size_t header_count;
	size_t header_room;
	struct bytes body;
	size_t lost; /* Bytes that were too many for a buffered answer. */
};

struct response *response_create(struct runtime_api *api, struct slot *slot)
{
	struct response *response = must(calloc(1, sizeof *response));
	response->api = api;
	response->slot = slot;
	response->is_finished = true;
	return response;
}

void response_start(struct response *response, bool streamed)
{
	arena_free(&response->arena);
	bytes_clear(&response->body);
	response->is_streamed = streamed;
	response->is_begun = false;
	response->is_finished = false;
	response->keeps_length = false;
	response->status = 200;
	response->header_count = 0;
	response->lost = 0;
}

void response_keep_length(struct response *response)
{
	response->keeps_length = true;
}

bool response_is_finished(const struct response *response)
{
	return response->is_finished;
}

bool response_is_begun(const struct response *response)
{
	return response->is_begun;
}

void response_status(struct response *response, int status)
{
	response->status = status;
}

static void add_header(struct response *response, const char *name, const char *value)
{
	if (response->header_count == response->header_room) {
		response->header_room = response->header_room * 2 + 16;
		response->headers = must(realloc(response->headers, response->header_room * sizeof *response->headers));
	}
	response->headers[response->header_count++] = (struct answer_header){ .name = name, .value = value };
}

void response_header(struct response *response, const char *line, size_t length, bool takes_status)
{
	const char *colon = memchr(line, ':', length);
	if (colon == NULL || colon == line) {
		return;
	}
	const char *name = as_utf8(&response->arena, line, (size_t)(colon - line));
	const char *start = colon + 1, *end = line + length;
	while (start < end && (*start == ' ' || *start == '\t')) {
		start++;
	}
	const char *value = as_utf8(&response->arena, start, (size_t)(end - start));
	if (strcasecmp(name, "status") == 0) {
		/* As CGI has it: `Status: 404 Not Found`. */
		int status = atoi(value);
		if (takes_status && status >= 100 && status <= 599) {
			response->status = status;
		}
	} else if (!is_connection_header(name) && (response->keeps_length || strcasecmp(name, "content-length") != 0)) {
		/* Lambda computes the length of a body. */
		add_header(response, name, value);
	}
}

static bool has_header(const struct response *response, const char *name)
{
	for (size_t i = 0; i < response->header_count; i++) {
		if (strcasecmp(response->headers[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

/* Returns the n-th way to write Set-Cookie. A load balancer takes one header of a name, and tells names apart by their case. */
static const char *cookie_name(struct arena *arena, unsigned int number)
{
	char *name = arena_format(arena, "Set-Cookie");
	for (char *at = name; *at != '\0'; at++) {
		if (*at != '-') {
			*at = (char)((number & 1) != 0 ? *at ^ 0x20 : *at);
			number >>= 1;
		}
	}
	return name;
}

/* Has an earlier header the name of the one at `index`? */
static bool is_repeated(const struct response *response, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (strcasecmp(response->headers[i].name, response->headers[index].name) == 0) {
			return true;
		}
	}
	return false;
}

/* Headers with all their values as arrays. */
static yyjson_mut_val *multi_value_headers(struct response *response, yyjson_mut_doc *document)
{
	yyjson_mut_val *result = yyjson_mut_obj(document);
	for (size_t i = 0; i < response->header_count; i++) {
		const char *name = response->headers[i].name;
		if (is_repeated(response, i)) {
			continue;
		}
		yyjson_mut_val *values = yyjson_mut_arr(document);
		for (size_t j = i; j < response->header_count; j++) {
			if (strcasecmp(response->headers[j].name, name) == 0) {
				yyjson_mut_arr_add_str(document, values, response->headers[j].value);
			}
		}
		yyjson_mut_obj_add_val(document, result, name, values);
	}
	return result;
}

/* Headers with one value each: repeated ones are joined, except cookies, which are left to the caller. */
static yyjson_mut_val *single_value_headers(struct response *response, yyjson_mut_doc *document)
{
	yyjson_mut_val *result = yyjson_mut_obj(document);
	for (size_t i = 0; i < response->header_count; i++) {
		const char *name = response->headers[i].name;
		if (strcasecmp(name, "set-cookie") == 0 || is_repeated(response, i)) {
			continue;
		}
		const char *value = response->headers[i].value;
		for (size_t j = i + 1; j < response->header_count; j++) {
			if (strcasecmp(response->headers[j].name, name) == 0) {
				value = arena_format(&response->arena, "%s, %s", value, response->headers[j].value);
			}
		}
		yyjson_mut_obj_add_str(document, result, name, value);
	}
	return result;
}

static void add_headers(struct response *response, yyjson_mut_doc *document, yyjson_mut_val *root)
{
	enum event_format format = response->slot->format;
	yyjson_mut_obj_add_int(document, root, "statusCode", response->status);
	if (format == EVENT_V1 || format == EVENT_ALB_MULTI) {
		yyjson_mut_obj_add_val(document, root, "multiValueHeaders", multi_value_headers(response, document));
		return;
	}
	yyjson_mut_val *headers = single_value_headers(response, document);
	yyjson_mut_val *cookies = yyjson_mut_arr(document);
	for (size_t i = 0; i < response->header_count; i++) {
		if (strcasecmp(response->headers[i].name, "set-cookie") != 0) {
			continue;
		}
		if (format == EVENT_ALB) {
			const char *name = cookie_name(&response->arena, (unsigned int)yyjson_mut_arr_size(cookies));
			yyjson_mut_obj_add_str(document, headers, name, response->headers[i].value);
		}
		yyjson_mut_arr_add_str(document, cookies, response->headers[i].value);
	}
	yyjson_mut_obj_add_val(document, root, "headers", headers);
	if (format == EVENT_V2 && yyjson_mut_arr_size(cookies) > 0) {
		yyjson_mut_obj_add_val(document, root, "cookies", cookies);
	}
}

/* Returns JSON that is to be freed. With the body unless the answer is streamed. */
static char *answer_json(struct response *response, size_t *length)
{
	yyjson_mut_doc *document = must(yyjson_mut_doc_new(NULL));
	yyjson_mut_val *root = yyjson_mut_obj(document);
	struct bytes encoded = { 0 };
	yyjson_mut_doc_set_root(document, root);
	add_headers(response, document, root);
	if (!response->is_streamed) {
		const char *body = response->body.length > 0 ? response->body.data : "";
		/* An encoded body is bytes, whatever they look like. */
		bool is_text = !has_header(response, "content-encoding") && is_utf8(body, response->body.length);
		if (is_text) {
			yyjson_mut_obj_add_strn(document, root, "body", body, response->body.length);
		} else {
			add_base64(&encoded, body, response->body.length);
			yyjson_mut_obj_add_strn(document, root, "body", encoded.data, encoded.length);
		}
		yyjson_mut_obj_add_bool(document, root, "isBase64Encoded", !is_text);
	}
	char *json = must(yyjson_mut_write(document, 0, length));
	yyjson_mut_doc_free(document);
	bytes_free(&encoded);
	return json;
}

static const char *path_of(struct response *response, const char *end)
{
	return arena_format(&response->arena, "invocation/%s/%s", response->slot->id, end);
}

static const char *reason_phrase(int status)
{
	switch (status) {
	case 502:
		return "Bad Gateway";
	case 504:
		return "Gateway Timeout";
	default:
		return "Internal Server Error";
	}
}

/* Puts a page in place of what is collected. */
static void replace_with_page(struct response *response, int status)
{
	response->status = status;
	response->header_count = 0;
	response->lost = 0;
	bytes_clear(&response->body);
	add_header(response, "Content-Type", "text/plain; charset=utf-8");
	bytes_add_text(&response->body, reason_phrase(status));
	bytes_add_text(&response->body, "\n");
}

static void send_buffered(struct response *response)
{
	size_t length;
	char *json = answer_json(response, &length);
	if (length + response->lost > MAX_BUFFERED) {
		log_invocation(response->slot->id, "ERROR",
			"%s: the response has %zu bytes as JSON, but Lambda takes 6 MB: answered 500; stream it (LAYERSMITH_RESPONSE=streamed), or send "
			"a redirect to a file in S3",
			response->slot->what, length + response->lost);
		free(json);
		replace_with_page(response, 500);
		json = answer_json(response, &length);
	}
	response->slot->work = WORK_ANSWERING;
	api_post(response->api, path_of(response, "response"), CONTENT_TYPE_LINE, json, length);
	free(json);
}

static void begin_stream(struct response *response)
{
	if (response->is_begun) {
		return;
	}
	response->is_begun = true;
	response->slot->work = WORK_STREAMING;
	size_t length;
	char *json = answer_json(response, &length);
	if (api_begin(response->api, path_of(response, "response"), HTTP_STREAM_LINES)) {
		api_chunk(response->api, json, length);
		api_chunk(response->api, END_OF_HEADERS, sizeof END_OF_HEADERS);
	}
	free(json);
}

void response_flush(struct response *response)
{
	if (!response->is_streamed || response->is_finished) {
		return;
	}
	begin_stream(response);
	api_chunk(response->api, response->body.data, response->body.length);
	bytes_clear(&response->body);
}

/* RFC 9110, 6.4.1 */
static bool has_no_body(int status)
{
	return status < 200 || status == 204 || status == 304;
}

void response_write(struct response *response, const char *data, size_t length)
{
	if (response->is_finished || has_no_body(response->status)) {
		return;
	}
	/* Lambda will refuse it: a script that never stops printing must not take all memory. */
	if (!response->is_streamed && (response->lost > 0 || response->body.length + length > MAX_BUFFERED)) {
		response->lost += length;
		return;
	}
	bytes_add(&response->body, data, length);
	if (response->body.length >= CHUNK_SIZE) {
		response_flush(response);
	}
}

static void end_stream(struct response *response, const char *trailers)
{
	response_flush(response);
	api_end(response->api, trailers);
}

void response_finish(struct response *response)
{
	if (response->is_finished) {
		return;
	}
	if (response->is_streamed) {
		end_stream(response, "");
	} else {
		send_buffered(response);
	}
	response->is_finished = true;
	response->slot->work = WORK_ANSWERED;
}

/* The report of an error, as JSON that is to be freed. */
static char *report(const char *type, const char *message, size_t *length)
{
	yyjson_mut_doc *document = must(yyjson_mut_doc_new(NULL));
	yyjson_mut_val *root = yyjson_mut_obj(document);
	yyjson_mut_doc_set_root(document, root);
	yyjson_mut_obj_add_str(document, root, "errorType", type);
	yyjson_mut_obj_add_str(document, root, "errorMessage", message);
	yyjson_mut_obj_add_val(document, root, "stackTrace", yyjson_mut_arr(document));
	char *json = must(yyjson_mut_write(document, YYJSON_WRITE_ALLOW_INVALID_UNICODE, length));
	yyjson_mut_doc_free(document);
	return json;
}

void response_fail(struct response *response, int status, const char *reason)
{
	if (response->is_finished) {
		return;
	}
	if (response->is_begun) {
		size_t length;
		char *json = report("Runtime.RequestFailed", reason, &length);
		struct bytes encoded = { 0 };
		add_base64(&encoded, json, length);
		const char *lines =
			arena_format(&response->arena, ERROR_TYPE ": Runtime.RequestFailed\r\n" ERROR_BODY ": %s\r\n", encoded.data);
		bytes_free(&encoded);
		free(json);
		end_stream(response, lines);
	} else {
		replace_with_page(response, status);
		response_finish(response);
	}
	response->is_finished = true;
	response->slot->work = WORK_ANSWERED;
}

static void send_error(struct runtime_api *api, const char *path, const char *type, const char *message)
{
	struct arena arena = { 0 };
	size_t length;
	char *json = report(type, message, &length);
	api_post(api, path, arena_format(&arena, CONTENT_TYPE_LINE ERROR_TYPE ": %s\r\n", type), json, length);
	free(json);
	arena_free(&arena);
}

void respond_with_error(struct runtime_api *api, const char *id, const char *type, const char *message)
{
	struct arena arena = { 0 };
	send_error(api, arena_format(&arena, "invocation/%s/error", id), type, message);
	arena_free(&arena);
}

void respond_with_init_error(struct runtime_api *api, const char *type, const char *message)
{
	send_error(api, "init/error", type, message);
}

void respond_with_restore_error(struct runtime_api *api, const char *type, const char *message)
{
	send_error(api, "restore/error", type, message);
}

void respond_for(struct runtime_api *api, const struct slot *slot, int status)
{
	struct slot copy = { .format = slot->format };
	memcpy(copy.id, slot->id, sizeof copy.id);
	struct response *response = response_create(api, &copy);
	response_start(response, false);
	response_fail(response, status, reason_phrase(status));
	arena_free(&response->arena);
	bytes_free(&response->body);
	free(response->headers);
	free(response);
}
