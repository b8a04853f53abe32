/* Calls what no library has: linked against a DLL that is nowhere, or as a function that the DLL does not have. */
__declspec(dllimport) int undefined(void);

int main(void) {
    return undefined();
}
