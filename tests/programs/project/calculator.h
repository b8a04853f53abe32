/* A calculator for expressions in postfix notation. */
void push(long value);
long pop(void);
int evaluate(const char *text, long *result);
extern const char *const words[];
