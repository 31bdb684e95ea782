/* Calls itself without end and keeps nothing in linear memory, so that it is the engine's own stack that overflows. */
static unsigned deeper(unsigned depth);

/* Called through a pointer that could change: otherwise the compiler would make a loop of it. */
static unsigned (*volatile next)(unsigned) = deeper;

static unsigned deeper(unsigned depth)
{
	return next(depth + 1) + depth;
}

int main(void)
{
	return (int)deeper(0);
}
