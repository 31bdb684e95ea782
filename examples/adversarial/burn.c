/*
 * Keeps a machine busy for a known amount of work: reads a number N from stdin, goes N million times around a loop of a few
 * instructions and prints the number that comes out.
 */
#include <stdint.h>
#include <stdio.h>

#define MAX_MILLIONS 10000000u

int main(void)
{
	unsigned millions;
	uint64_t state = 88172645463325252u;

	if (scanf("%u", &millions) != 1 || millions > MAX_MILLIONS) {
		fputs("burn: the input must be a number from 0 to 10000000, the millions of turns\n", stderr);
		return 1;
	}
	/* Xorshift: every turn needs the one before, so that no compiler can shorten it. */
	for (uint64_t turn = 0; turn < millions * (uint64_t)1000000; turn++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
	}
	printf("%llu\n", (unsigned long long)state);
	return 0;
}
