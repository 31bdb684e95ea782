/* See table.h. Open addressing; the number of slots is a power of two and at most half of them are taken. */
#include "table.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SLOT_COUNT ((size_t)4096)

/* FNV-1a: no seed, so that the order inside of the table is the same in every run. */
static uint32_t hash_of(const char *text, uint32_t length)
{
	uint32_t hash = 2166136261u;
	for (uint32_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)text[i]) * 16777619u;
	return hash;
}

/* The slot that holds the word, or the empty one where it belongs. */
static struct entry *find(const struct table *table, const char *text, uint32_t length, uint32_t hash)
{
	size_t mask = table->slot_count - 1;
	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct entry *slot = &table->slots[i];
		if (!slot->text)
			return slot;
		if (slot->hash == hash && slot->length == length && !memcmp(slot->text, text, length))
			return slot;
	}
}

static enum table_result grow(struct table *table)
{
	struct table larger = *table;
	larger.slot_count = table->slot_count ? table->slot_count * 2 : FIRST_SLOT_COUNT;
	larger.slots = calloc(larger.slot_count, sizeof *larger.slots);
	if (!larger.slots)
		return TABLE_OUT_OF_MEMORY;
	for (size_t i = 0; i < table->slot_count; i++) {
		const struct entry *old = &table->slots[i];
		if (old->text)
			*find(&larger, old->text, old->length, old->hash) = *old;
	}
	free(table->slots);
	*table = larger;
	return TABLE_OK;
}

enum table_result table_add(struct table *table, const char *text, uint32_t length)
{
	if (table->used * 2 >= table->slot_count && grow(table) != TABLE_OK)
		return TABLE_OUT_OF_MEMORY;
	uint32_t hash = hash_of(text, length);
	struct entry *slot = find(table, text, length, hash);
	if (!slot->text) {
		if (table->used == TABLE_MAX_WORDS)
			return TABLE_TOO_MANY_WORDS;
		char *copy = malloc(length);
		if (!copy)
			return TABLE_OUT_OF_MEMORY;
		memcpy(copy, text, length);
		*slot = (struct entry){.text = copy, .length = length, .hash = hash};
		table->used++;
	}
	slot->count++;
	return TABLE_OK;
}

static int more_frequent_first(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	int order = memcmp(a->text, b->text, a->length < b->length ? a->length : b->length);
	if (order)
		return order;
	return a->length < b->length ? -1 : a->length > b->length;
}

void table_sort(struct table *table)
{
	size_t next = 0;
	for (size_t i = 0; i < table->slot_count; i++)
		if (table->slots[i].text)
			table->slots[next++] = table->slots[i];
	if (next > 1)
		qsort(table->slots, next, sizeof *table->slots, more_frequent_first);
}
