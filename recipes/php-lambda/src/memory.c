#include "memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define BLOCK_SIZE 8192
#define KEPT_BYTES (1u << 20)

struct arena_block {
	struct arena_block *next;
	size_t used;
	size_t size;
	/* Aligned for every type. */
	_Alignas(16) char data[];
};

void out_of_memory(void)
{
	log_line("out of memory");
	_exit(1);
}

void *arena_alloc(struct arena *arena, size_t size)
{
	size = (size + 15) & ~(size_t)15;
	struct arena_block *block = arena->blocks;
	if (block == NULL || block->size - block->used < size) {
		size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
		block = must(malloc(sizeof *block + room));
		*block = (struct arena_block){ .next = arena->blocks, .size = room };
		arena->blocks = block;
	}
	void *result = block->data + block->used;
	block->used += size;
	return result;
}

char *arena_text(struct arena *arena, const char *bytes, size_t length)
{
	char *text = arena_alloc(arena, length + 1);
	memcpy(text, bytes, length);
	text[length] = '\0';
	return text;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
	va_list arguments, again;
	va_start(arguments, format);
	va_copy(again, arguments);
	int length = vsnprintf(NULL, 0, format, arguments);
	char *text = arena_alloc(arena, (size_t)length + 1);
	vsnprintf(text, (size_t)length + 1, format, again);
	va_end(again);
	va_end(arguments);
	return text;
}

void arena_free(struct arena *arena)
{
	while (arena->blocks != NULL) {
		struct arena_block *next = arena->blocks->next;
		free(arena->blocks);
		arena->blocks = next;
	}
}

void bytes_add(struct bytes *bytes, const char *data, size_t length)
{
	if (length > SIZE_MAX / 4 - bytes->length) {
		out_of_memory();
	}
	if (bytes->length + length + 1 > bytes->capacity) {
		bytes->capacity = (bytes->length + length + 1) * 2;
		bytes->data = must(realloc(bytes->data, bytes->capacity));
	}
	if (length > 0) {
		memcpy(bytes->data + bytes->length, data, length);
	}
	bytes->length += length;
	bytes->data[bytes->length] = '\0';
}

void bytes_add_text(struct bytes *bytes, const char *text)
{
	bytes_add(bytes, text, strlen(text));
}

void bytes_clear(struct bytes *bytes)
{
	if (bytes->capacity > KEPT_BYTES) {
		bytes_free(bytes);
	}
	bytes->length = 0;
}

void bytes_free(struct bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct bytes){ 0 };
}
