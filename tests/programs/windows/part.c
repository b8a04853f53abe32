/* A DLL whose only function tells which of several copies it is. */
__declspec(dllexport) int part(void);

int part(void)
{
    return PART;
}
