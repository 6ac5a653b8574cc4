#include "text.h"

#include <stdint.h>
#include <string.h>

static const char HEX[] = "0123456789ABCDEF";
static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool is_alphanumeric(unsigned char byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

static void add_percent(struct bytes *to, unsigned char byte)
{
	char code[3] = { '%', HEX[byte >> 4], HEX[byte & 15] };
	bytes_add(to, code, 3);
}

void add_encoded(struct bytes *to, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];
		if (is_alphanumeric(byte) || byte == '-' || byte == '.' || byte == '_' || byte == '~') {
			bytes_add(to, text + i, 1);
		} else {
			add_percent(to, byte);
		}
	}
}

const char *encoded_path(struct arena *arena, const char *path)
{
	struct bytes encoded = { 0 };
	if (*path != '/') {
		bytes_add_text(&encoded, "/");
	}
	for (const char *at = path; *at != '\0'; at++) {
		unsigned char byte = (unsigned char)*at;
		if (byte <= ' ' || byte >= 0x7f || strchr("\"<>\\^`{|}?#", byte) != NULL) {
			add_percent(&encoded, byte);
		} else {
			bytes_add(&encoded, at, 1);
		}
	}
	const char *result = arena_text(arena, encoded.data, encoded.length);
	bytes_free(&encoded);
	return result;
}

static int base64_digit(unsigned char character)
{
	if (character >= 'A' && character <= 'Z') {
		return character - 'A';
	}
	if (character >= 'a' && character <= 'z') {
		return character - 'a' + 26;
	}
	if (character >= '0' && character <= '9') {
		return character - '0' + 52;
	}
	if (character == '+' || character == '-') {
		return 62;
	}
	return character == '/' || character == '_' ? 63 : -1;
}

bool decode_base64(const char *text, size_t length, char *to, size_t *decoded)
{
	uint32_t bits = 0;
	int count = 0;
	*decoded = 0;
	while (length > 0 && text[length - 1] == '=') {
		length--;
	}
	for (size_t i = 0; i < length; i++) {
		int digit = base64_digit((unsigned char)text[i]);
		if (digit < 0) {
			return false;
		}
		bits = bits << 6 | (uint32_t)digit;
		count += 6;
		if (count >= 8) {
			count -= 8;
			to[(*decoded)++] = (char)(bits >> count);
		}
	}
	/* One digit alone is no byte. */
	return count != 6;
}

void add_base64(struct bytes *to, const char *data, size_t length)
{
	for (size_t i = 0; i < length; i += 3) {
		size_t left = length - i;
		uint32_t bits = (uint32_t)(unsigned char)data[i] << 16;
		bits |= left > 1 ? (uint32_t)(unsigned char)data[i + 1] << 8 : 0;
		bits |= left > 2 ? (uint32_t)(unsigned char)data[i + 2] : 0;
		char digits[4] = {
			BASE64[bits >> 18],
			BASE64[bits >> 12 & 63],
			left > 1 ? BASE64[bits >> 6 & 63] : '=',
			left > 2 ? BASE64[bits & 63] : '=',
		};
		bytes_add(to, digits, 4);
	}
}

/* Returns the length of the character at the start, 0 if it is not valid (RFC 3629). */
static size_t character_length(const unsigned char *at, size_t left)
{
	if (at[0] < 0x80) {
		return 1;
	}
	size_t length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
	if (at[0] < 0xc2 || at[0] > 0xf4 || left < length) {
		return 0;
	}
	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	/* Longer than needed, surrogates, and above U+10FFFF. */
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f)) {
		return 0;
	}
	return length;
}

bool is_utf8(const char *data, size_t length)
{
	const unsigned char *at = (const unsigned char *)data;
	for (size_t i = 0; i < length;) {
		/* Eight bytes of ASCII at once. */
		uint64_t word;
		if (length - i >= sizeof word && (memcpy(&word, at + i, sizeof word), (word & UINT64_C(0x8080808080808080)) == 0)) {
			i += sizeof word;
			continue;
		}
		size_t size = character_length(at + i, length - i);
		if (size == 0) {
			return false;
		}
		i += size;
	}
	return true;
}

const char *as_utf8(struct arena *arena, const char *text, size_t length)
{
	if (is_utf8(text, length)) {
		return arena_text(arena, text, length);
	}
	char *result = arena_alloc(arena, length * 2 + 1), *to = result;
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];
		if (byte >= 0x80) {
			*to++ = (char)(0xc0 | byte >> 6);
			*to++ = (char)(0x80 | (byte & 0x3f));
		} else {
			*to++ = (char)byte;
		}
	}
	*to = '\0';
	return result;
}
