/* How often each word was seen: a hash table in bounded memory. */
#ifndef TABLE_H
#define TABLE_H

#include <stddef.h>
#include <stdint.h>

/* One word and its count. The text is not terminated. */
struct entry {
	const char *text;
	uint32_t length;
	uint32_t hash;
	uint64_t count;
};

struct table {
	struct entry *slots;
	size_t slot_count;
	size_t used;
};

/* What table_add can answer. */
enum table_result { TABLE_OK, TABLE_TOO_MANY_WORDS, TABLE_OUT_OF_MEMORY };

/* The most distinct words that a table takes. */
#define TABLE_MAX_WORDS ((size_t)1000000)

/* Counts a word once more. A table starts as all zeros. */
enum table_result table_add(struct table *table, const char *text, uint32_t length);

/*
 * Moves the entries to the front of the slots, the most frequent first, and words of the same count in the order of their
 * bytes. No word may be added afterwards.
 */
void table_sort(struct table *table);

#endif
