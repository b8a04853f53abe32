/* Imports a function of part.dll, and ends with its value. */
__declspec(dllimport) int part(void);

int main(void)
{
    return part();
}
