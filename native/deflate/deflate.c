/*
 * libdeflate for WebAssembly, without a C library: deflates one buffer after another at a fixed level.
 *
 * Input and output share one buffer, which grows with the largest input. The input lies GAP bytes behind the start of the
 * output, and its beginning is overwritten while the output is written: a file is held once.
 *
 *     output                  GAP                        input
 *     |-----------------------|--------------------------------------------|
 *
 * This is safe, because the output never reaches what is still read. libdeflate writes a block when it has read the whole
 * block. Then it still reads this block's literals (a block has at most MAX_BLOCK_LENGTH bytes), and later the bytes that
 * matches refer to (at most WINDOW bytes back). It writes at most the size of what it has read, and `overhead` bytes more,
 * as it never takes a block type that is larger than storing the bytes. So a GAP of all three is enough.
 */
#include "libdeflate/libdeflate.h"

#include <stddef.h>
#include <stdint.h>

/* Of 12. Beyond it, a layer takes twice the time and more for two percent. */
enum { LEVEL = 9 };
/* See deflate_compress.c: 300,000 bytes and one match more, or one block of 5,000 bytes more. */
enum { MAX_BLOCK_LENGTH = 512 * 1024, WINDOW = 32 * 1024 };
enum { PAGE = 64 * 1024, ALIGNMENT = 64 };

extern unsigned char __heap_base;

static struct libdeflate_compressor *compressor;
static uintptr_t buffer; /* where it starts; what lies before is in use for good */
static size_t gap;

/* Grows the memory so that it has `end` bytes. */
static int reserve(uint64_t end) {
  uint64_t pages = (end + PAGE - 1) / PAGE;
  uint64_t present = __builtin_wasm_memory_size(0);
  if (pages <= present) return 1;
  return pages <= 65536 && __builtin_wasm_memory_grow(0, pages - present) != (size_t)-1;
}

/* Only for the compressor, which is never freed. */
static void *allocate(size_t size) {
  if (buffer == 0) buffer = (uintptr_t)&__heap_base;
  uintptr_t start = (buffer + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  if (!reserve((uint64_t)start + size)) return NULL;
  buffer = start + size;
  return (void *)start;
}

static void release(void *memory) {
  (void)memory;
}

/* Where `size` bytes of input are to be put; 0 when there is not enough memory. */
__attribute__((export_name("input"))) unsigned char *input(size_t size) {
  if (compressor == NULL) {
    libdeflate_set_memory_allocator(allocate, release);
    compressor = libdeflate_alloc_compressor(LEVEL);
    if (compressor == NULL) return NULL;
  }
  /* Its result would be more than 32 bits hold. */
  if (size > 0xf0000000u) return NULL;
  size_t overhead = libdeflate_deflate_compress_bound(compressor, size) - size;
  gap = overhead + MAX_BLOCK_LENGTH + WINDOW;
  if (!reserve((uint64_t)buffer + gap + size)) return NULL;
  return (unsigned char *)buffer + gap;
}

/* Where the output starts. */
__attribute__((export_name("output"))) unsigned char *output(void) {
  return (unsigned char *)buffer;
}

/* Deflates the `size` bytes that were put where `input(size)` said; the size of the output. */
__attribute__((export_name("deflate"))) size_t deflate(size_t size) {
  return libdeflate_deflate_compress(compressor, (unsigned char *)buffer + gap, size, (unsigned char *)buffer, gap + size);
}
