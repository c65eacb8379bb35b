/* The least that any plugin can cost: a process that starts and ends. Built as the shim is. */
int main(void)
{
	return 0;
}
