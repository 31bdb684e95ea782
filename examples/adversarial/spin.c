/* Loops for ever. A worker must stop it at its execution limit. */
int main(void)
{
	/* Volatile, or the compiler may take a loop without effect as one that ends. */
	volatile unsigned turns = 0;
	for (;;)
		turns++;
}
