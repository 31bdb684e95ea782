/* Writes part of a result and gives up with status 3. A worker must not take the part for a result. */
#include <stdio.h>

int main(void)
{
	fputs("partial", stdout);
	return 3;
}
