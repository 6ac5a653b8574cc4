#include "compiled-code.h"

#include <openssl/sha.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yyjson.h>

#include "log.h"
#include "memory.h"

/* As src/runtime/php/compiled-code.ts writes them. */
#define INDEX_VERSION 1
#define MANIFEST "/opt/share/layersmith/manifest.json"
#define CACHE_FOLDER "/tmp"

/* Reads a file. Returns false if there is none. */
static bool read_file(const char *path, struct bytes *content)
{
	char part[8192];
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		return false;
	}
	for (size_t got; (got = fread(part, 1, sizeof part, file)) > 0;) {
		bytes_add(content, part, got);
	}
	fclose(file);
	return true;
}

static bool has_digest(const char *path, const char *digest)
{
	struct bytes content = { 0 };
	unsigned char bytes[SHA256_DIGEST_LENGTH];
	char text[2 * SHA256_DIGEST_LENGTH + 1];
	if (digest == NULL || !read_file(path, &content)) {
		return false;
	}
	SHA256((const unsigned char *)content.data, content.length, bytes);
	for (size_t i = 0; i < sizeof bytes; i++) {
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	}
	bytes_free(&content);
	return strcmp(text, digest) == 0;
}

/* Links a folder into the cache: a link for `/var` or `/opt`, in the folder of the build of PHP. */
static bool link_folder(struct arena *arena, const char *system_id, const char *files, const char *top)
{
	char target[256];
	char *cache = arena_format(arena, CACHE_FOLDER "/%s", system_id);
	char *link = arena_format(arena, "%s/%s", cache, top);
	mkdir(cache, 0700);
	if (symlink(files, link) == 0) {
		return true;
	}
	ssize_t length = readlink(link, target, sizeof target - 1);
	return length > 0 && (size_t)length == strlen(files) && memcmp(target, files, (size_t)length) == 0;
}

/* Returns why the code of a package cannot be used, or NULL. */
static const char *use_package(struct arena *arena, yyjson_val *index, const char *files, const char *top)
{
	yyjson_val *probe = yyjson_obj_get(index, "probe");
	const char *path = yyjson_get_str(yyjson_obj_get(probe, "path"));
	const char *system_id = yyjson_get_str(yyjson_obj_get(index, "systemId"));
	struct stat info;
	if (yyjson_get_int(yyjson_obj_get(index, "schemaVersion")) != INDEX_VERSION || path == NULL || system_id == NULL) {
		return "this layer does not know the version of its index";
	}
	if (!has_digest(MANIFEST, yyjson_get_str(yyjson_obj_get(index, "layer")))) {
		const char *name = yyjson_get_str(yyjson_obj_get(index, "layerName"));
		return arena_format(arena, "it was compiled for another layer: %s", name == NULL ? "?" : name);
	}
	if (stat(path, &info) != 0 || info.st_mtime != yyjson_get_sint(yyjson_obj_get(probe, "mtime"))) {
		return arena_format(arena, "%s is not the file that was compiled", path);
	}
	return link_folder(arena, system_id, files, top) ? NULL : "it cannot be linked into " CACHE_FOLDER;
}

enum compiled_code compiled_code_link(const char *task_root)
{
	struct arena arena = { 0 };
	bool is_there = false, is_used = false;
	const struct {
		const char *folder;
		const char *top;
	} packages[] = {
		{ "/opt/share/layersmith/opcache", "opt" },
		{ arena_format(&arena, "%s/.layersmith/opcache", task_root), "var" },
	};
	for (size_t i = 0; i < sizeof packages / sizeof *packages; i++) {
		struct bytes text = { 0 };
		if (!read_file(arena_format(&arena, "%s/index.json", packages[i].folder), &text)) {
			continue;
		}
		yyjson_doc *index = yyjson_read(text.data, text.length, 0);
		const char *files = arena_format(&arena, "%s/files/%s", packages[i].folder, packages[i].top);
		const char *why = use_package(&arena, yyjson_doc_get_root(index), files, packages[i].top);
		if (why != NULL) {
			log_line("the compiled code in %s is not used: %s", packages[i].folder, why);
		}
		is_there = true;
		is_used = is_used || why == NULL;
		yyjson_doc_free(index);
		bytes_free(&text);
	}
	arena_free(&arena);
	return !is_there ? CODE_NONE : is_used ? CODE_USED : CODE_UNUSABLE;
}
