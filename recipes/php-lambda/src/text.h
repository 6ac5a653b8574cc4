/* Encodings of text. */
#ifndef LAYERSMITH_TEXT_H
#define LAYERSMITH_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "memory.h"

/* Is it an ASCII letter or digit, whatever the locale? */
bool is_alphanumeric(unsigned char byte);

/* Adds text with everything but the unreserved characters of RFC 3986 as %XX. */
void add_encoded(struct bytes *to, const char *text, size_t length);

/*
 * Returns a path with what cannot be in one (spaces, controls, quotes, `?`, `#`, bytes above 0x7e) as %XX. What is encoded already stays so. An
 * empty one is "/".
 */
const char *encoded_path(struct arena *arena, const char *path);

/* Decodes base64 with or without padding. `to` has room for `length` bytes. Returns false for other characters. */
bool decode_base64(const char *text, size_t length, char *to, size_t *decoded);

/* Adds bytes as base64. */
void add_base64(struct bytes *to, const char *data, size_t length);

/* Is it valid UTF-8? */
bool is_utf8(const char *data, size_t length);

/* Returns text as UTF-8: bytes that are not are taken as Latin-1. */
const char *as_utf8(struct arena *arena, const char *text, size_t length);

#endif
