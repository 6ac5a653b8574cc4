/* Memory for what lives longer than a request of PHP, or outside of one. */
#ifndef LAYERSMITH_MEMORY_H
#define LAYERSMITH_MEMORY_H

#include <stddef.h>

/* Ends the process: it cannot go on without memory. The supervisor answers what it was working on. */
__attribute__((noreturn)) void out_of_memory(void);

/* Returns the result of an allocation, or ends the process. */
static inline void *must(void *pointer)
{
	if (pointer == NULL) {
		out_of_memory();
	}
	return pointer;
}

/* Memory that is freed as a whole. */
struct arena {
	struct arena_block *blocks;
};

void *arena_alloc(struct arena *arena, size_t size);
/* Returns a terminated copy. */
char *arena_text(struct arena *arena, const char *bytes, size_t length);
__attribute__((format(printf, 2, 3))) char *arena_format(struct arena *arena, const char *format, ...);
void arena_free(struct arena *arena);

/* Bytes that grow. */
struct bytes {
	char *data;
	size_t length;
	size_t capacity;
};

void bytes_add(struct bytes *bytes, const char *data, size_t length);
void bytes_add_text(struct bytes *bytes, const char *text);
/* Keeps the memory, unless it is large. */
void bytes_clear(struct bytes *bytes);
void bytes_free(struct bytes *bytes);

#endif
