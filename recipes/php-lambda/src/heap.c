/*
 * Gives malloc() the memory that every start of PHP uses, in one piece that the kernel fills at once: 2 MB page by page are 500
 * page faults.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define HEAP_BYTES (2u << 20)

__attribute__((constructor)) static void populate_heap(void)
{
	/* volatile: the compiler may leave out a malloc() whose memory nobody uses. */
	void *volatile memory = malloc(HEAP_BYTES);
	/* From now on malloc() takes blocks of this size from the heap, and keeps as much of it. */
	free(memory);
	memory = malloc(HEAP_BYTES);
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t start = ((uintptr_t)memory + page - 1) & ~(page - 1);
	uintptr_t end = ((uintptr_t)memory + HEAP_BYTES) & ~(page - 1);
	/*
	 * Nothing is in these pages yet, so they can be mapped again. madvise() could fill them in place, but only since Linux 5.14,
	 * which Lambda does not have. If this fails, they are filled when they are used.
	 */
	if (memory != NULL && (char *)end <= (char *)sbrk(0)) {
		mmap((void *)start, end - start, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1, 0);
	}
	free(memory);
}
