/* The smallest honest task: its result is its input. */
#include <stdio.h>

int main(void)
{
	static char buffer[65536];
	size_t got;

	while ((got = fread(buffer, 1, sizeof buffer, stdin)) > 0)
		if (fwrite(buffer, 1, got, stdout) != got)
			return 1;
	return ferror(stdin) || fflush(stdout) ? 1 : 0;
}
