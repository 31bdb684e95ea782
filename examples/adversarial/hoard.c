/*
 * Takes memory without end and touches all of it, first from malloc, then page by page from the machine. A worker must
 * stop it at its memory limit, or at its execution limit where growing just fails.
 */
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES (1024 * 1024)
#define WASM_PAGE_BYTES 65536

int main(void)
{
	char *block;
	/* Volatile, or the compiler may drop memory that nobody reads. */
	while ((block = malloc(BLOCK_BYTES)))
		memset(block, 0xa5, BLOCK_BYTES), *(volatile char *)block = 1;
	for (;;) {
		size_t page = __builtin_wasm_memory_grow(0, 1);
		if (page != (size_t)-1)
			*(volatile char *)(page * WASM_PAGE_BYTES) = 1;
	}
}
