/*
 * Counts the words of a text: UTF-8 on stdin, JSON on stdout, errors on stderr with exit status 1.
 *
 * A word is a run of letters and digits; an apostrophe or a hyphen belongs to it where it stands between two of them.
 * ASCII letters are made small; all characters beyond ASCII count as letters and stay as they are. No locale is asked, so
 * the same text gives the same bytes everywhere.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "table.h"

#define MAX_WORD_BYTES 256
#define TOP_WORDS 20

struct scanner {
	struct table table;
	uint64_t words;
	uint64_t offset;        /* of the byte being looked at, from 0 */
	char word[MAX_WORD_BYTES];
	uint32_t length;        /* of the word so far */
	int joiner;             /* an apostrophe or hyphen after the word so far, or 0 */
	int continuation;       /* how many more bytes the UTF-8 character has */
	unsigned char low, high; /* the range of its next byte */
};

static void fail(const char *what, uint64_t offset)
{
	fprintf(stderr, "wordcount: at byte %llu: %s\n", (unsigned long long)offset, what);
	exit(1);
}

/* Follows UTF-8 byte by byte and refuses what RFC 3629 does: without it the JSON could come out broken. */
static void check_utf8(struct scanner *scanner, unsigned char byte)
{
	if (scanner->continuation) {
		if (byte < scanner->low || byte > scanner->high)
			fail("the input is not UTF-8 text", scanner->offset);
		scanner->continuation--;
		scanner->low = 0x80, scanner->high = 0xbf;
	} else if (byte >= 0x80) {
		if (byte < 0xc2 || byte > 0xf4)
			fail("the input is not UTF-8 text", scanner->offset);
		scanner->continuation = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
		scanner->low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
		scanner->high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
	}
}

static void append(struct scanner *scanner, int byte)
{
	if (scanner->length == MAX_WORD_BYTES)
		fail("a word is longer than 256 bytes", scanner->offset);
	scanner->word[scanner->length++] = (char)byte;
}

static void end_word(struct scanner *scanner)
{
	scanner->joiner = 0;
	if (!scanner->length)
		return;
	switch (table_add(&scanner->table, scanner->word, scanner->length)) {
	case TABLE_OK:
		break;
	case TABLE_TOO_MANY_WORDS:
		fail("more than a million distinct words", scanner->offset);
		break;
	case TABLE_OUT_OF_MEMORY:
		fail("out of memory; give the task more with memory_mib", scanner->offset);
		break;
	}
	scanner->words++;
	scanner->length = 0;
}

static void scan(struct scanner *scanner, unsigned char byte)
{
	check_utf8(scanner, byte);
	if (byte >= 'A' && byte <= 'Z')
		byte += 'a' - 'A';
	if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte >= 0x80) {
		if (scanner->joiner)
			append(scanner, scanner->joiner);
		scanner->joiner = 0;
		append(scanner, byte);
	} else if ((byte == '\'' || byte == '-') && scanner->length && !scanner->joiner) {
		scanner->joiner = byte;
	} else {
		end_word(scanner);
	}
	scanner->offset++;
}

static void report(struct scanner *scanner)
{
	table_sort(&scanner->table);
	printf("{\n\"total_words\": %llu,\n\"distinct_words\": %zu,\n\"most_frequent\": [",
	       (unsigned long long)scanner->words, scanner->table.used);
	for (size_t i = 0; i < scanner->table.used && i < TOP_WORDS; i++) {
		const struct entry *entry = &scanner->table.slots[i];
		printf("%s\n{\"word\": \"%.*s\", \"count\": %llu}", i ? "," : "", (int)entry->length,
		       entry->text, (unsigned long long)entry->count);
	}
	printf("\n]\n}\n");
}

int main(void)
{
	static struct scanner scanner;
	static unsigned char buffer[64 * 1024];
	size_t got;

	while ((got = fread(buffer, 1, sizeof buffer, stdin)) > 0)
		for (size_t i = 0; i < got; i++)
			scan(&scanner, buffer[i]);
	if (ferror(stdin))
		fail("the input cannot be read", scanner.offset);
	if (scanner.continuation)
		fail("the input ends in the middle of a UTF-8 character", scanner.offset);
	end_word(&scanner);
	if (!scanner.words)
		fail("the input has no words", scanner.offset);
	report(&scanner);
	if (fflush(stdout) || ferror(stdout))
		fail("the result cannot be written", scanner.offset);
	return 0;
}
